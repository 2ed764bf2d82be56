import { randomUUID } from 'node:crypto';
import type { Settings } from '../core/settings/config.ts';
import { chooseStreams, knownStreams } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import type { StreamCounts } from '../producers/report/stream-counts.ts';
import { cpuStages } from './cpu-stages.ts';
import { startSimulator, withServices } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { benchStreams, createUsualTopics, usualProducer } from './usual-producer.ts';

const CUSTOMERS = 20_000;
const ROUNDS = 3;

const NO_LIMIT = 10_000;

type Pass = Readonly<Record<'records' | 'seconds' | 'cpuSeconds', number>>;

/**
 * Against a simulator without limits, measures records per second and CPU time per record for a
 * first run, a run in which nothing has changed, a `--full` run and a hand-written producer. A
 * profiled first run gives each stage's share of the CPU time. With ChartMogul's limits and a
 * latency of 250 ms, measures requests per second.
 */
export async function benchProduce(signal: AbortSignal): Promise<object> {
  return withServices(signal, async (settings) => {
    const unlimited = await measureUnlimited(settings, signal);
    const limited = await measureLimited(settings, signal);
    return { customers: CUSTOMERS, ...unlimited, limited };
  });
}

async function measureUnlimited(services: Settings, signal: AbortSignal): Promise<object> {
  // Rendering a page costs the simulator more than reading it costs a producer, so the simulator
  // keeps its pages.
  const simulator = await startSimulator(
    ...['--customers', String(CUSTOMERS), '--seed', '1', '--keep-pages'],
    ...['--rate-limit', '0', '--connection-limit', '0'],
  );
  const passes = new Map<string, Pass[]>();
  let shares: Record<string, number> = {};
  try {
    const warmUp = { ...services, chartmogul: simulator.chartmogul(NO_LIMIT), topicPrefix: 'warm-up.' };
    await usual(warmUp, signal);
    for (let round = 0; round < ROUNDS; round++) {
      const settings = {
        ...services,
        chartmogul: simulator.chartmogul(NO_LIMIT),
        topicPrefix: `bench${round}.`,
      };
      const note = (name: string, pass: Pass) => {
        passes.set(name, [...(passes.get(name) ?? []), pass]);
        say(`${name}: ${pass.records} records in ${rounded(pass.seconds, 1)} s`);
      };
      note('usual', await usual({ ...settings, topicPrefix: `usual${round}.` }, signal));
      note('first', await pass(settings, signal));
      note('unchanged', await pass(settings, signal));
      note('full', await pass(settings, signal, true));
    }
    // Profiling slows the producer, so the profiled run is separate.
    const settings = { ...services, chartmogul: simulator.chartmogul(NO_LIMIT), topicPrefix: 'profiled.' };
    ({ shares } = await cpuStages(() => pass(settings, signal)));
    say(`CPU of a first run: ${JSON.stringify(shares)}`);
  } finally {
    await simulator.stop();
  }
  return {
    records_per_second: summaries(passes, ({ records, seconds }) => records / seconds),
    cpu_microseconds_per_record: summaries(passes, ({ records, cpuSeconds }) => (cpuSeconds * 1e6) / records),
    cpu_percent: shares,
  };
}

function summaries(passes: ReadonlyMap<string, readonly Pass[]>, figureOf: (pass: Pass) => number): object {
  const figures = [...passes].map(([name, runs]) => {
    const values = runs.map(figureOf);
    const summary = { median: median(values), min: Math.min(...values), max: Math.max(...values) };
    return [name, Object.fromEntries(Object.entries(summary).map(([key, value]) => [key, rounded(value)]))];
  });
  return Object.fromEntries(figures) as object;
}

async function measureLimited(services: Settings, signal: AbortSignal): Promise<object> {
  const simulator = await startSimulator('--customers', '1500', '--seed', '1', '--latency', '250');
  try {
    const settings = { ...services, chartmogul: simulator.chartmogul(39), topicPrefix: 'limited.' };
    const { result: counts, seconds } = await timed(() => run(settings, undefined, signal));
    const { requests = 0, rate_limited = 0, max_parallel = 0 } = await simulator.statistics();
    const figures = {
      streams: counts.length,
      requests,
      seconds: rounded(seconds, 1),
      requests_per_second: rounded(requests / seconds, 1),
      rate_limited_percent: rounded((rate_limited / requests) * 100, 2),
      max_connections: max_parallel,
    };
    say(`all streams at ChartMogul's limits and 250 ms: ${JSON.stringify(figures)}`);
    return figures;
  } finally {
    await simulator.stop();
  }
}

async function usual(settings: Settings, signal: AbortSignal): Promise<Pass> {
  await createUsualTopics(settings, signal);
  const { result: records, ...times } = await timed(() => usualProducer(settings));
  return { records, ...times };
}

async function pass(settings: Settings, signal: AbortSignal, isFull = false): Promise<Pass> {
  const { result: counts, ...times } = await timed(() => run(settings, benchStreams, signal, isFull));
  return { records: counts.reduce((sum, { records }) => sum + records, 0), ...times };
}

async function timed<T>(
  work: () => Promise<T>,
): Promise<{ result: T } & Readonly<Record<'seconds' | 'cpuSeconds', number>>> {
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(startCpu);
  return { result, seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** @throws the failure of the first failed stream: the figures of a partial run are meaningless. */
async function run(
  settings: Settings,
  streams: string | undefined,
  signal: AbortSignal,
  isFull = false,
): Promise<readonly StreamCounts[]> {
  const specs = chooseStreams(knownStreams(settings), streams);
  const options = { run: randomUUID(), isFull, isMassDeleteAllowed: false };
  const counts = await produce(settings, specs, signal, options);
  const failed = counts.find(({ failure }) => failure !== undefined);
  if (failed?.failure !== undefined) throw failed.failure;
  return counts;
}
