import { Session } from 'node:inspector/promises';

const SAMPLE_EVERY_US = 500;

/** The stages of a producer, identified by the file of the running code. The first match counts. */
const stages: readonly (readonly [stage: string, where: RegExp])[] = [
  ['http', /\/undici\/|chartmogul\/client|node:internal\/(?:http|net|stream_base)|node:(?:http|net|zlib)/],
  ['parse', /core\/json|lossless-json/],
  ['page', /producers\/chartmogul\//],
  ['compare', /producers\/state\//],
  ['encode', /producers\/encode\/|stream-encoder|byte-writer|wire-format/],
  ['kafka', /kafkajs|transaction|node:zlib/],
];

/**
 * Runs `work` under V8's profiler. Returns its result, and each stage's share of the CPU time in
 * percent.
 */
export async function cpuStages<T>(
  work: () => Promise<T>,
): Promise<{ result: T; shares: Record<string, number> }> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
  await session.post('Profiler.start');
  const result = await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();

  // Parents come before their children. Code that matches no stage counts toward its caller's
  // stage.
  const stageOf = new Map<number, string>();
  for (const { id, callFrame, children = [] } of profile.nodes) {
    const stage = ownStage(callFrame.functionName, callFrame.url) ?? stageOf.get(id) ?? 'other';
    for (const node of [id, ...children]) stageOf.set(node, stage);
  }
  const microseconds = new Map<string, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const stage = stageOf.get(id) ?? 'other';
    microseconds.set(stage, (microseconds.get(stage) ?? 0) + (profile.timeDeltas?.[index] ?? 0));
  }
  microseconds.delete('idle');
  const total = [...microseconds.values()].reduce((sum, value) => sum + value, 0);
  const shares = [...microseconds]
    .sort(([, a], [, b]) => b - a)
    .map(([stage, value]) => [stage, Math.round((value / total) * 1000) / 10] as const);
  return { result, shares: Object.fromEntries(shares) };
}

function ownStage(functionName: string, url: string): string | undefined {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage';
  if (functionName === '(program)') return 'program';
  return stages.find(([, where]) => where.test(url))?.[0];
}
