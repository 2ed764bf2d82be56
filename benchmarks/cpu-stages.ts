import { Session } from 'node:inspector/promises';

const SAMPLE_EVERY_US = 500;

/** The stages of a producer, by the file of the running code. The first match counts. */
const stages: readonly (readonly [stage: string, where: RegExp])[] = [
  ['http', /\/undici\/|chartmogul\/client|node:internal\/(?:http|net|stream_base)|node:(?:http|net|zlib)/],
  ['parse', /core\/json|lossless-json/],
  ['page', /producers\/chartmogul\//],
  ['compare', /producers\/changes\//],
  ['encode', /producers\/avro\/|stream-encoder|byte-writer|wire-format/],
  ['kafka', /kafkajs|transaction|node:zlib/],
];

/**
 * Runs `work` under the engine's sampling profiler; returns each stage's share of its CPU time in
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

  const stageOfNode = new Map<number, string>();
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const stageOf = (id: number): string => {
    const known = stageOfNode.get(id);
    if (known !== undefined) return known;
    const frame = nodes.get(id)?.callFrame;
    const parent = parents.get(id);
    const own = frame === undefined ? undefined : ownStage(frame.functionName, frame.url);
    // Work of the engine and Node counts for its caller: search up the stack.
    const stage = own ?? (parent === undefined ? 'other' : stageOf(parent));
    stageOfNode.set(id, stage);
    return stage;
  };
  const microseconds = new Map<string, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const stage = stageOf(id);
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
