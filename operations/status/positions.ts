import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { passedOf, type StreamStatus } from './stream-status.ts';

/**
 * The positions of a topic and its sink, derived only from offsets and summed over the partitions.
 */
export interface Position {
  readonly end: bigint;
  readonly committed: bigint;
  /**
   * Number of offsets that are not committed, including transaction markers; undefined if a
   * partition with messages has no commit.
   */
  readonly lag: bigint | undefined;
}

/**
 * Returns the positions of the streams that have a topic. Queries only Kafka, so it is much cheaper
 * than a status.
 * @throws ServiceUnavailableError, ServiceRefusedError, the signal's reason.
 */
export async function readPositions(
  admin: KafkaAdmin,
  settings: Settings,
  streams: readonly string[],
): Promise<ReadonlyMap<string, Position>> {
  const topics = streams.map((stream) => topicOf(settings.topicPrefix, stream));
  // Reads the commits first, so that the topics contain every message that the commits cover.
  const committed = await admin.committedOffsets(sinkGroupOf(settings), topics);
  const positions = new Map<string, Position>();
  for (const [index, stream] of streams.entries()) {
    const topic = topics[index] ?? '';
    const offsets = await admin.topicOffsets(topic);
    if (offsets !== undefined) positions.set(stream, positionOf(offsets.partitions, committed.get(topic)));
  }
  return positions;
}

export function positionOf(
  partitions: readonly { readonly partition: number; readonly start: bigint; readonly end: bigint }[],
  commits: ReadonlyMap<number, Pick<CommittedOffset, 'offset'>> = new Map(),
): Position {
  let [end, committed]: [bigint, bigint] = [0n, 0n];
  let lag: bigint | undefined = 0n;
  for (const known of partitions) {
    const offset = commits.get(known.partition)?.offset;
    end += known.end;
    committed += offset ?? 0n;
    if (known.start === known.end) continue;
    const passed = offset !== undefined && offset < known.start ? known.start : offset;
    lag = passed === undefined || lag === undefined ? undefined : lag + maxOf(known.end - passed, 0n);
  }
  return { end, committed, lag };
}

/**
 * Returns whether the lag can be derived from the commits alone. It cannot if the sink ignores its
 * commits, for example after its table was dropped.
 * @param before a position from before the status was gathered.
 */
export function isLagByCommits(
  { topic, lag }: Pick<StreamStatus, 'topic' | 'lag'>,
  before: Position,
): boolean {
  return (
    topic !== null && topic !== undefined && typeof lag === 'bigint' && before.committed <= passedOf(topic)
  );
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
