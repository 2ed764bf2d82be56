import type { CommittedOffset, KafkaAdmin } from '../../../core/kafka/admin.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import { messageTimeMs } from '../../../core/kafka/message-time.ts';
import type { OffsetSpan } from '../../../core/kafka/read-spans.ts';
import { readTopics, type MessageHandler } from '../../../core/kafka/topic-reader.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { sinkGroupOf } from '../../../consumers/run/sink-group.ts';
import { readPartitionLogs } from '../../../consumers/stream/partition-logs.ts';
import { resumeOffset, type PartitionLog } from '../../../consumers/stream/resume-offset.ts';
import { positionOf } from './dead-letter-rows.ts';
import type { TableRows } from '../../../consumers/table/partition-rows.ts';

/** Reasons why a row must not be inserted now. */
export const notPassed = 'the sink has not reached its message yet and will read it again';
export const notCaughtUp = 'the table lacks earlier messages: let the sink catch up first';

export interface PlacesOptions {
  /** The rows of the table. */
  readonly rows: TableRows;
  /** The partitions of the topic; empty if the topic does not exist. */
  readonly logs: ReadonlyMap<number, PartitionLog>;
  /** Committed offsets of the sink's group, by partition. */
  readonly committed: ReadonlyMap<number, CommittedOffset>;
  /** The offset after rows that merges removed, where a sink resumes, by partition. */
  readonly merged: ReadonlyMap<number, bigint>;
  /**
   * Returns, for each partition, the first offset in its gap that is not a dead letter, or the end
   * of the gap.
   */
  readonly firstNotRejected: (gaps: ReadonlyMap<number, OffsetSpan>) => Promise<ReadonlyMap<number, bigint>>;
}

/**
 * Returns the dead letters whose rows must not be inserted now, with the reason. The table is the
 * sink's checkpoint: its highest row implies that earlier messages are stored. So a row is inserted
 * only if
 *
 * - it does not change the resume offset of a sink, or
 * - the sink has passed the message, and every message from the resume offset to it is a dead
 * letter too. A committed offset alone proves nothing: the table may have been dropped since.
 */
export async function forbiddenDeadLetters(
  deadLetters: readonly SinkDeadLetter[],
  { rows, logs, committed, merged, firstNotRejected }: PlacesOptions,
): Promise<ReadonlyMap<SinkDeadLetter, string>> {
  const forbidden = new Map<SinkDeadLetter, string>();
  const gaps = new Map<number, OffsetSpan>();
  const afterGap: SinkDeadLetter[] = [];
  for (const deadLetter of deadLetters) {
    const { partition } = deadLetter;
    const log = logs.get(partition);
    if (log === undefined) continue;
    const resumed = async (of: TableRows) => {
      const [next, passed] = [await resumeOffset(of, partition, log), merged.get(partition) ?? 0n];
      return next < passed ? passed : next;
    };
    const from = await resumed(rows);
    const lifted = await resumed(withRow(rows, deadLetter, log.topicId));
    if (lifted === from) continue;
    const offset = BigInt(deadLetter.offset);
    if (lifted < from || (committed.get(partition)?.offset ?? -1n) <= offset) {
      forbidden.set(deadLetter, notPassed);
      continue;
    }
    afterGap.push(deadLetter);
    const known = gaps.get(partition)?.to ?? from;
    gaps.set(partition, { from, to: offset > known ? offset : known });
  }
  const first = afterGap.length === 0 ? new Map<number, bigint>() : await firstNotRejected(gaps);
  for (const deadLetter of afterGap) {
    if ((first.get(deadLetter.partition) ?? -1n) < BigInt(deadLetter.offset))
      forbidden.set(deadLetter, notCaughtUp);
  }
  return forbidden;
}

/** Returns the contents that the table would have with the row of the dead letter. */
function withRow(
  rows: TableRows,
  { partition, offset, timestampMs }: SinkDeadLetter,
  topicId: bigint,
): TableRows {
  const row = { offset: BigInt(offset), timeMs: BigInt(timestampMs) };
  const existing = rows.find((known) => known.partition === partition && known.topicId === topicId);
  if (existing === undefined) return [...rows, { partition, topicId, newest: row, highest: row }];
  const { newest, highest } = existing;
  const isNewest = row.timeMs > newest.timeMs || (row.timeMs === newest.timeMs && row.offset > newest.offset);
  const changed = {
    ...existing,
    newest: isNewest ? row : newest,
    highest: row.offset > highest.offset ? row : highest,
  };
  return rows.map((known) => (known === existing ? changed : known));
}

/**
 * Reads the input of {@link forbiddenDeadLetters} from Kafka.
 * @param rejected all dead letters of the stream that have no row by design.
 */
export async function readPlaces(
  admin: KafkaAdmin,
  settings: Settings,
  topic: string,
  rejected: readonly SinkDeadLetter[],
  signal: AbortSignal,
): Promise<Omit<PlacesOptions, 'rows' | 'merged'>> {
  if (!(await admin.listTopics()).includes(topic))
    return { logs: new Map(), committed: new Map(), firstNotRejected: () => Promise.resolve(new Map()) };
  const committed = await admin.committedOffsets(sinkGroupOf(settings), [topic]);
  return {
    logs: await readPartitionLogs(admin, topic),
    committed: committed.get(topic) ?? new Map(),
    firstNotRejected: async (gaps) => {
      const rejectedAt = new Set(rejected.map(positionOf));
      const first = new Map([...gaps].map(([partition, { to }]) => [partition, to]));
      if ([...gaps.values()].every(({ from, to }) => from >= to)) return first;
      const handle: MessageHandler = ({ offset: text, timestamp }, partition) => {
        const offset = BigInt(text);
        const gap = gaps.get(partition);
        if (gap === undefined || offset < gap.from || offset >= (first.get(partition) ?? gap.to)) return;
        const position = positionOf({ partition, offset: text, timestampMs: messageTimeMs(timestamp) });
        if (!rejectedAt.has(position)) first.set(partition, offset);
      };
      await readTopics(settings, new Map([[topic, handle]]), signal);
      return first;
    },
  };
}
