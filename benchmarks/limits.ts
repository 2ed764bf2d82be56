import type { Settings } from '../core/settings/config.ts';
import { bulkLists } from './bulk-lists.ts';
import { BenchProcess } from './child-process.ts';
import { CpuProbe } from './process-cpu.ts';
import { environmentOf, pause, startSimulator, withServices } from './environment.ts';
import { rounded, say, spread } from './figures.ts';
import type { BenchOptions } from './options.ts';

/** A run reads two lists per customer, so it sends about 3,000 requests. */
const CUSTOMERS = 1_500;
const LATENCY_MS = 250;
const POLL_MS = 20;

type Simulator = Awaited<ReturnType<typeof startSimulator>>;

interface LimitedPass {
  readonly requests: number;
  /** Seconds from the first request for a list to the last response. */
  readonly readingSeconds: number;
  /** Seconds before the first request for a list and after the last response. */
  readonly addedSeconds: number;
  readonly cpuSeconds: number;
  readonly refusedPercent: number;
}

/**
 * Measures `produce` in its own process, at ChartMogul's limits and a latency of 250 ms: requests
 * per second, refused requests, CPU time, and the time that start-up and shutdown add. The long run
 * sends about 3,000 requests, and the short run reads only the bulk lists. Each pass uses a new
 * simulator, so its request budget is unused. A short run that does not count comes first, because
 * a broker and a registry that have just started respond slowly.
 */
export async function benchLimits(signal: AbortSignal, { rounds }: BenchOptions): Promise<object> {
  return withServices(signal, async (settings) => {
    const [long, short]: [LimitedPass[], LimitedPass[]] = [[], []];
    const streams = bulkLists.map(({ stream }) => stream).join(',');
    say('warm-up');
    await measured({ ...settings, topicPrefix: 'warm-up.' }, ['--streams', streams], signal);
    for (let round = 0; round < rounds; round++) {
      const own = (kind: string) => ({ ...settings, topicPrefix: `${kind}${round}.` });
      short.push(await measured(own('short'), ['--streams', streams], signal));
      long.push(await measured(own('long'), [], signal));
    }
    return {
      customers: CUSTOMERS,
      latency_ms: LATENCY_MS,
      rounds,
      long: summary(long),
      short: summary(short),
    };
  });
}

function summary(passes: readonly LimitedPass[]): object {
  return {
    requests: passes[0]?.requests,
    requests_per_second: spread(passes.map(({ requests, readingSeconds }) => requests / readingSeconds)),
    refused_percent: spread(passes.map(({ refusedPercent }) => refusedPercent)),
    cpu_percent_of_a_core: spread(
      passes.map((pass) => (pass.cpuSeconds / (pass.readingSeconds + pass.addedSeconds)) * 100),
    ),
    seconds: spread(passes.map(({ readingSeconds, addedSeconds }) => readingSeconds + addedSeconds)),
    added_seconds: spread(passes.map(({ addedSeconds }) => addedSeconds)),
  };
}

async function measured(
  settings: Settings,
  streams: readonly string[],
  signal: AbortSignal,
): Promise<LimitedPass> {
  const simulator = await startSimulator(
    ...['--customers', String(CUSTOMERS), '--seed', '1', '--latency', String(LATENCY_MS)],
  );
  try {
    const env = {
      ...environmentOf(settings, 'unused'),
      CHARTMOGUL_BASE_URL: simulator.chartmogul(0).baseUrl,
      CHARTMOGUL_API_KEY: 'bench',
    };
    const startMs = performance.now();
    const produce = new BenchProcess('commands/produce.ts', streams, env, settings.dataDir);
    const cpu = new CpuProbe(produce.pid);
    try {
      const ended = new AbortController();
      const watching = watchRequests(simulator, AbortSignal.any([signal, ended.signal]));
      const endMs = await produce.finished(signal).finally(() => ended.abort());
      const { firstMs, lastMs } = await watching;
      const { requests = 0, rate_limited = 0 } = await simulator.statistics();
      const readingSeconds = (lastMs + LATENCY_MS - firstMs) / 1000;
      const pass = {
        requests,
        readingSeconds,
        addedSeconds: (endMs - startMs) / 1000 - readingSeconds,
        cpuSeconds: cpu.stop(),
        refusedPercent: (rate_limited / requests) * 100,
      };
      say(
        `${requests} requests in ${rounded(readingSeconds, 1)} s: ${rounded(requests / readingSeconds, 1)}/s; start-up and shutdown added ${rounded(pass.addedSeconds, 2)} s; ${rounded(pass.cpuSeconds, 1)} s of CPU`,
      );
      return pass;
    } finally {
      cpu.stop();
      await produce.stop();
    }
  } finally {
    await simulator.stop();
  }
}

/**
 * Returns the times of the first request for a list, which follows `/ping`, and of the last
 * request.
 */
async function watchRequests(
  simulator: Simulator,
  signal: AbortSignal,
): Promise<{ firstMs: number; lastMs: number }> {
  let [firstMs, lastMs, known] = [NaN, NaN, 0];
  while (!signal.aborted) {
    const { requests = 0 } = await simulator.statistics();
    const nowMs = performance.now();
    if (requests > 1 && Number.isNaN(firstMs)) firstMs = nowMs;
    if (requests > known) lastMs = nowMs;
    known = requests;
    await pause(POLL_MS, signal).catch(() => {});
  }
  return { firstMs, lastMs };
}
