import type { KafkaMessage } from 'kafkajs';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { detached } from '../../consumers/stream/detached-message.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import type { PartitionLog } from '../../consumers/stream/resume-offset.ts';
import type { RowKeys } from '../../consumers/stream/row-keys.ts';
import type { Connections } from '../../core/connections.ts';
import type { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import type { SideTable } from './side-table.ts';

/** The compared offsets of a partition: from `start`, inclusive, to `end`, exclusive. */
export interface Extent {
  readonly start: bigint;
  readonly end: bigint;
}

interface ProjectionOptions {
  /** The ends of the logs limit the comparison. */
  readonly logs: ReadonlyMap<number, PartitionLog>;
  /** The offset at which the next sink resumes, by partition. */
  readonly resumeOffsets: ReadonlyMap<number, bigint>;
  readonly rejected: DeadLetterIndex;
  /** Undefined if message positions identify rows. A delete then has no row. */
  readonly rowKeys: RowKeys | undefined;
  /** Counts the messages that were read. */
  readonly progress: { read: number };
}

const NO_KEY = Buffer.alloc(0);

/**
 * Reads a topic once and stores the position of each message in the side table, by row key.
 * @returns `sinceMs`: time of the earliest message; `behind`: number of messages that the sink
 *   has not passed.
 * @throws IncompatibleSchemaError for a message whose row cannot be determined.
 */
export async function projectTopic(
  { settings, signal }: Connections,
  topic: string,
  side: SideTable,
  { logs, resumeOffsets, rejected, rowKeys, progress }: ProjectionOptions,
): Promise<{ extents: ReadonlyMap<number, Extent>; sinceMs: bigint | undefined; behind: number }> {
  let behind = 0;
  let read = 0;
  let sinceMs: bigint | undefined;
  const reached = new Map<number, bigint>();
  const handle = (message: KafkaMessage, partition: number) => {
    const offset = BigInt(message.offset);
    // A consumer starts over after it has lost its session.
    if (offset < (reached.get(partition) ?? 0n)) return;
    // With broker times, the first message of a partition is the earliest.
    const timeMs = BigInt(messageTimeMs(message.timestamp));
    if (!reached.has(partition) && (sinceMs === undefined || timeMs < sinceMs)) sinceMs = timeMs;
    reached.set(partition, offset + 1n);
    if (offset >= (logs.get(partition)?.end ?? 0n)) return;
    read++;
    if (rowKeys === undefined && message.value === null) return;
    const isRejected = rejected.has(topic, partition, message);
    if (!isRejected && offset >= (resumeOffsets.get(partition) ?? 0n)) behind++;
    add(message, partition, isRejected);
  };
  /** Messages that wait until their schema is known. */
  let waiting: { id: number; message: KafkaMessage; partition: number }[] = [];
  const add = (message: KafkaMessage, partition: number, isRejected: boolean) => {
    const key = rowKeys === undefined ? NO_KEY : rowKeys.of(message, partition, isRejected);
    if (typeof key === 'number') {
      return void waiting.push({ id: key, message: detached(message), partition });
    }
    const isDeleted = message.value === null;
    // A delete or dead letter without a row key has no effect.
    if (key === undefined && (isRejected || isDeleted)) return;
    if (key === undefined)
      throw new IncompatibleSchemaError(
        `topic ${topic} has an unreadable message at ${partition}/${message.offset} that is not a dead letter: its row cannot be determined`,
      );
    const timeMs = messageTimeMs(message.timestamp);
    side.add(key, partition, Number(message.offset), timeMs, { isDeleted, isRejected });
  };
  const short = await readTopics(settings, new Map([[topic, handle]]), signal, {
    afterFetch: async () => {
      progress.read = read;
      const ready = waiting;
      waiting = [];
      for (const id of new Set(ready.map((one) => one.id))) await rowKeys?.learn(id);
      for (const { message, partition } of ready)
        add(message, partition, rejected.has(topic, partition, message));
      if (side.isFull) await side.insert();
    },
  });
  await side.insert();
  const extents = new Map<number, Extent>();
  for (const [partition, { start, end }] of logs) {
    const isShort = short.some((behindEnd) => behindEnd.partition === partition);
    extents.set(partition, { start, end: isShort ? (reached.get(partition) ?? start) : end });
  }
  return { extents, sinceMs, behind };
}
