import { withConnections, type Connections } from '../../../core/connections.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { StoppedError } from '../../../core/errors.ts';
import { logger } from '../../../core/logger.ts';
import { KeyTable } from '../../../producers/state/key-table.ts';
import { noSourceDifferences, type SourceDifference, type SourceDifferenceKind } from './source-diff.ts';
import { ChartMogulClient } from '../../../producers/chartmogul/client.ts';
import type { StreamSpec } from '../../../producers/chartmogul/streams.ts';
import { compareStream, type CompareContext, type SourceProgress } from './compare-stream.ts';
import { parentFailed } from '../../../producers/run/parents.ts';
import { readBack } from '../../../producers/state/read-back.ts';
import { failureOf } from '../../../producers/run/stream-failure.ts';

export type { SourceDifference, SourceProgress };

/** What the API and the topic of one stream say of each other. */
export interface SourceComparison {
  readonly stream: string;
  /** Read from the source, each key once. */
  readonly records: number;
  /** Live on the topic. */
  readonly keys: number;
  readonly counts: Readonly<Record<SourceDifferenceKind, number>>;
  /** Live on the topic, of times and intervals that the source was not asked for. */
  readonly unasked: number;
  /** The first ten by key. */
  readonly examples: readonly SourceDifference[];
  /** Why the stream could not be compared; then the counts mean nothing. */
  readonly failure?: Error;
}

const EXAMPLES = 10;

/**
 * Reads the streams whole from ChartMogul, side by side and within its limits, and compares them with their topics record by
 * record. Writes nothing, and shuts out no run of `produce`: what that sends meanwhile counts.
 *
 * A stream that fails leaves the others whole; a refused key fails them all. Memory is that of a run of `produce`.
 *
 * @param specs each with the stream of its parents: these are those that the source has, whatever the topic says of them.
 * @param onProgress is told of every page.
 * @returns a comparison of each stream, in the order given.
 * @throws ConfigError, ServiceUnavailableError, ServiceRefusedError before any stream begins; the signal's reason.
 */
export async function compareSource(
  settings: Settings,
  specs: readonly StreamSpec[],
  signal: AbortSignal,
  onProgress: (progress: SourceProgress) => void = () => undefined,
): Promise<readonly SourceComparison[]> {
  // A refused key aborts the streams that are still being read.
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const role = { name: 'reconcile', needs: ['admin', 'registry'] } as const;
  return withConnections(settings, role, running, (connections) =>
    compareStreams(connections, specs, stop, onProgress),
  );
}

async function compareStreams(
  { settings, admin, registry, signal: running }: Connections<'admin' | 'registry'>,
  specs: readonly StreamSpec[],
  stop: AbortController,
  onProgress: (progress: SourceProgress) => void,
): Promise<readonly SourceComparison[]> {
  const client = new ChartMogulClient(settings.chartmogul, running);
  try {
    const known = await readBack(
      admin,
      settings,
      specs.map(({ name }) => name),
      running,
    );
    const parents = new Map<string, string[]>();
    for (const { parent } of specs) if (parent !== undefined) parents.set(parent.stream, []);
    const comparisons = new Map<string, Promise<SourceComparison>>();
    const compare = (spec: StreamSpec): Promise<SourceComparison> => {
      const keys = known.streams.get(spec.name)?.keys ?? new KeyTable();
      const begun =
        comparisons.get(spec.name) ?? compareAlone(context, spec, keys, parents.get(spec.name), stop);
      comparisons.set(spec.name, begun);
      return begun;
    };
    const parentsOf = async (stream: string) => {
      const spec = specs.find(({ name }) => name === stream);
      const comparison = spec && (await compare(spec));
      if (comparison === undefined || comparison.failure !== undefined) throw parentFailed(stream);
      return parents.get(stream) ?? [];
    };
    const { deadLetters, discarded, unreadable } = known;
    const services = { settings, client, registry, admin, signal: running };
    const context = { ...services, deadLetters, discarded, unreadable, parentsOf, onProgress };
    const all = await Promise.all(specs.map(compare));
    running.throwIfAborted();
    return all;
  } finally {
    // Of a stream that failed, requests may still be under way, and would be tried again.
    stop.abort(new StoppedError('the comparison is over'));
    await client.close();
  }
}

/** Never throws: what went wrong stands in the comparison. */
async function compareAlone(
  context: CompareContext,
  spec: StreamSpec,
  keys: KeyTable,
  parents: string[] | undefined,
  stop: AbortController,
): Promise<SourceComparison> {
  const stream = spec.name;
  try {
    const unreadable = context.unreadable.get(stream);
    if (unreadable !== undefined) throw unreadable;
    const diff = await compareStream(context, spec, keys, parents);
    const { records, counts, unasked } = diff;
    logger.info({ stream, records, ...counts }, 'stream compared with its source');
    return { stream, records, keys: keys.size, counts, unasked, examples: diff.examples(EXAMPLES) };
  } catch (error) {
    const none = { records: 0, keys: keys.size, counts: noSourceDifferences(), unasked: 0, examples: [] };
    return { stream, ...none, failure: failureOf(stream, error, { signal: context.signal, stop }) };
  }
}
