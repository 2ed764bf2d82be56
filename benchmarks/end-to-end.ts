import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted, literal, type ClickHouseClient } from '../core/clickhouse/client.ts';
import { LocalServiceError } from '../core/errors.ts';
import { storageTableOf } from '../core/stream-name.ts';
import { bulkLists, readLists } from './bulk-lists.ts';
import { BenchProcess } from './child-process.ts';
import { CpuProbe } from './process-cpu.ts';
import { installDlt, type Dlt } from './dlt.ts';
import { environmentOf, pause, startSimulator, withServices, type Turn } from './environment.ts';
import { median, rounded, say, spread } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { withDatabase } from './sink-contenders.ts';
import { selectNumbers } from './table-query.ts';

const NO_LIMIT = '10000';
const POLL_MS = 25;
const PATIENCE_MS = 60_000;

type Truth = ReadonlyMap<string, number>;

/** Times of one pass, in seconds since the processes started. */
interface OurPass {
  readonly sinking: number;
  readonly produced: number;
  readonly visible: number;
  /** CPU time of both processes together. */
  readonly cpuSeconds: number;
}

/**
 * Starts `produce` and `sink` at the same time, and measures the seconds until every row of ten
 * lists is visible in ClickHouse. Unless `--no-dlt` is given or dlt cannot be installed, also
 * measures dlt, which copies the lists to DuckDB. The simulator has no limits and serves pages from
 * memory, so it hardly affects the result.
 */
export async function benchEndToEnd(
  signal: AbortSignal,
  { customers, rounds, dlt: isDltWanted }: BenchOptions,
): Promise<object> {
  const dlt = isDltWanted ? await installDlt(signal) : undefined;
  return withServices(signal, async (settings) => {
    const simulator = await startSimulator(
      ...['--customers', String(customers), '--seed', '1', '--keep-pages'],
      ...['--rate-limit', '0', '--connection-limit', '0'],
    );
    try {
      const { baseUrl } = simulator.chartmogul(0);
      const truth = await readLists(baseUrl, signal);
      const records = [...truth.values()].reduce((sum, keys) => sum + keys, 0);
      say(`${records} records in ${truth.size} lists`);
      const ours: OurPass[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const database = `bench_end_${round}`;
        const turn = { settings: { ...settings, topicPrefix: `${database}.` }, database, signal };
        ours.push(await copyAccount({ ...turn, messages: records }, baseUrl, truth));
        if (dlt !== undefined)
          theirs.push(await loadAccount(dlt, baseUrl, join(settings.dataDir, database), truth));
      }
      return { customers, records, lists: truth.size, rounds, ...summary(records, ours, theirs) };
    } finally {
      await simulator.stop();
    }
  });
}

function summary(records: number, ours: readonly OurPass[], theirs: readonly number[]): object {
  const seconds = ours.map(({ visible }) => visible);
  const ratios = theirs.map((theirSeconds, round) => theirSeconds / (seconds[round] ?? NaN));
  return {
    ours: {
      seconds: spread(seconds),
      records_per_second: rounded(records / median(seconds)),
      sink_ready: spread(ours.map(({ sinking }) => sinking)),
      produce_ended: spread(ours.map(({ produced }) => produced)),
      cpu_seconds: spread(ours.map(({ cpuSeconds }) => cpuSeconds)),
    },
    dlt:
      theirs.length === 0
        ? null
        : { seconds: spread(theirs), records_per_second: rounded(records / median(theirs)) },
    ratio: theirs.length === 0 ? null : spread(ratios),
  };
}

function copyAccount(turn: Turn, baseUrl: string, truth: Truth): Promise<OurPass> {
  return withDatabase(turn, async (client) => {
    const { settings, database, signal } = turn;
    const env = {
      ...environmentOf(settings, database),
      CHARTMOGUL_BASE_URL: baseUrl,
      CHARTMOGUL_API_KEY: 'bench',
      CHARTMOGUL_MAX_REQUESTS_PER_SECOND: NO_LIMIT,
    };
    const streams = ['--streams', bulkLists.map(({ stream }) => stream).join(',')];
    const startMs = performance.now();
    const sink = new BenchProcess('commands/sink.ts', streams, env, settings.dataDir);
    const produce = new BenchProcess('commands/produce.ts', streams, env, settings.dataDir);
    const probes = [sink, produce].map(({ pid }) => new CpuProbe(pid));
    try {
      const since = (ms: number) => (ms - startMs) / 1000;
      const [sinkingMs, producedMs, visibleMs] = await Promise.all([
        sink.said((line) => line.includes('"msg":"consuming topics"'), signal),
        produce.finished(signal),
        filled(client, turn, sink),
      ]);
      const cpuSeconds = probes.reduce((sum, probe) => sum + probe.stop(), 0);
      await verify(client, turn, truth);
      const pass = {
        sinking: since(sinkingMs),
        produced: since(producedMs),
        visible: since(visibleMs),
        cpuSeconds,
      };
      say(
        `ours: ${rounded(pass.visible, 2)} s; the sink was ready after ${rounded(pass.sinking, 2)} s, produce ended after ${rounded(pass.produced, 2)} s`,
      );
      return pass;
    } finally {
      for (const probe of probes) probe.stop();
      await Promise.all([produce.stop(), sink.stop()]);
    }
  });
}

/** Returns the time at which the tables first had as many rows as there are records. */
async function filled(client: ClickHouseClient, turn: Turn, sink: BenchProcess): Promise<number> {
  const { settings, database, messages: records, signal } = turn;
  const names = bulkLists.map(({ stream }) => literal(storageTableOf(stream))).join(', ');
  const query = `SELECT sum(total_rows) FROM system.tables WHERE database = ${literal(database)} AND name IN (${names})`;
  let rows = 0;
  let grewMs = performance.now();
  for (;;) {
    const [[now = 0] = []] = await selectNumbers(client, settings, query, signal);
    const seenMs = performance.now();
    if (now >= records) return seenMs;
    if (now > rows) grewMs = seenMs;
    rows = now;
    sink.requireRunning();
    if (seenMs > grewMs + PATIENCE_MS)
      throw new LocalServiceError(
        `the tables have had only ${rows} of ${records} rows for ${PATIENCE_MS / 1000} s${sink.lastWords()}`,
      );
    await pause(POLL_MS, signal);
  }
}

async function verify(client: ClickHouseClient, turn: Turn, truth: Truth): Promise<void> {
  const { settings, database, signal } = turn;
  for (const { stream, key } of bulkLists) {
    const query = `SELECT count(), uniqExact(${quoted(key)}) FROM ${quoted(database)}.${quoted(stream)}`;
    const [[rows, keys] = []] = await selectNumbers(client, settings, query, signal);
    requireTrue('sink', stream, [rows, keys], truth);
  }
}

async function loadAccount(dlt: Dlt, baseUrl: string, path: string, truth: Truth): Promise<number> {
  const file = `${path}.duckdb`;
  try {
    const seconds = await dlt.load(baseUrl, file);
    for (const [stream, rows] of Object.entries(await dlt.count(file)))
      requireTrue('dlt', stream, [rows], truth);
    say(`dlt: ${rounded(seconds, 2)} s`);
    return seconds;
  } finally {
    for (const each of [file, `${file}.state`]) await rm(each, { recursive: true, force: true });
  }
}

function requireTrue(
  who: string,
  stream: string,
  counts: readonly (number | undefined)[],
  truth: Truth,
): void {
  const expected = truth.get(stream);
  if (counts.some((count) => count !== expected))
    throw new LocalServiceError(
      `${who}: wrong number of ${stream} rows or keys: expected ${expected ?? 0}, got ${counts.join(' and ')}`,
    );
}
