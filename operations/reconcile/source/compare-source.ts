import type { Settings } from '../../../core/settings/config.ts';
import { logger } from '../../../core/logger.ts';
import { KeyTable } from '../../../producers/state/key-table.ts';
import { noSourceDifferences, type SourceDifference, type SourceDifferenceKind } from './source-diff.ts';
import type { StreamSpec } from '../../../producers/chartmogul/streams.ts';
import { compareStream, type CompareContext, type SourceProgress } from './compare-stream.ts';
import { parentFailed } from '../../../producers/run/parents.ts';
import { failureOf, withSource } from '../../../producers/run/source-connections.ts';
import { readBack } from '../../../producers/state/read-back.ts';

export interface SourceComparison {
  readonly stream: string;
  /** Number of records in the source. Counts each key once. */
  readonly records: number;
  /** Number of live keys on the topic. */
  readonly keys: number;
  readonly counts: Readonly<Record<SourceDifferenceKind, number>>;
  /**
   * Number of live keys on the topic whose times or intervals were not requested from the source.
   */
  readonly unasked: number;
  /** The first ten, sorted by key. */
  readonly examples: readonly SourceDifference[];
  /** Why the stream could not be compared. The counts are then meaningless. */
  readonly failure?: Error;
}

const EXAMPLES = 10;

/**
 * Reads the streams from ChartMogul concurrently, and compares them with their topics record by
 * record. Writes nothing. Can run alongside `produce`, and includes the messages that it sends. A
 * stream that fails affects only its child streams, which fail too; a rejected API key fails all
 * streams. Uses as much memory as a run of `produce`.
 * @param specs must include the parent streams. The comparison visits the parents in the source.
 * @param onProgress is called after every page.
 * @throws ConfigError, ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function compareSource(
  settings: Settings,
  specs: readonly StreamSpec[],
  signal: AbortSignal,
  onProgress: (progress: SourceProgress) => void = () => undefined,
): Promise<readonly SourceComparison[]> {
  return withSource(settings, 'reconcile', signal, async (source) => {
    const names = specs.map(({ name }) => name);
    const known = await readBack(settings, names, source.signal);
    const parents = new Map<string, string[]>();
    for (const { parent } of specs) if (parent !== undefined) parents.set(parent.stream, []);
    const comparisons = new Map<string, Promise<SourceComparison>>();
    const compare = (spec: StreamSpec): Promise<SourceComparison> => {
      const keys = known.streams.get(spec.name)?.keys ?? new KeyTable();
      const begun = comparisons.get(spec.name) ?? compareAlone(context, spec, keys, parents.get(spec.name));
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
    const context = { ...source, deadLetters, discarded, unreadable, parentsOf, onProgress };
    const all = await Promise.all(specs.map(compare));
    signal.throwIfAborted();
    return all;
  });
}

/** Never throws: the comparison contains the failure. */
async function compareAlone(
  context: CompareContext,
  spec: StreamSpec,
  keys: KeyTable,
  parents: string[] | undefined,
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
    return { stream, ...none, failure: failureOf(stream, error, context) };
  }
}
