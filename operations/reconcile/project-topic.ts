import type { KafkaMessage } from 'kafkajs';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { detached } from '../../consumers/stream/detached-message.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import type { PartitionLog } from '../../consumers/stream/resume-offset.ts';
import type { Standing } from './await-sink.ts';
import type { RowKeys } from '../../consumers/stream/row-keys.ts';
import type { ReconcileServices } from './services.ts';
import type { SetAside } from '../../consumers/stream/set-aside.ts';
import type { SideTable } from './side-table.ts';

/** What of a topic was looked at: by partition, from the first offset to before the end. */
export interface Extent {
  readonly start: bigint;
  readonly end: bigint;
}

export interface Projection {
  readonly extents: ReadonlyMap<number, Extent>;
  /** The time of the earliest message, in ms; undefined if there is none. */
  readonly sinceMs: bigint | undefined;
  /** Messages that the sink has still to take. */
  readonly behind: number;
}

/** A message whose schema is learnt before it is taken. */
interface Waiting {
  readonly id: number;
  readonly message: KafkaMessage;
  readonly partition: number;
}

const NO_KEY = Buffer.alloc(0);

/**
 * Reads a topic once and puts the place of each message, under the key of its row, into the side table.
 *
 * @param logs whose ends are the ends of what is looked at.
 * @param rowKeys undefined where rows are told apart by the place of their message: then a delete has no row by right.
 * @param onRead is told how many messages were read.
 * @throws IncompatibleSchemaError for a message that says nothing of its row.
 */
export async function projectTopic(
  { admin, settings, signal }: ReconcileServices,
  topic: string,
  side: SideTable,
  {
    logs,
    standing,
    setAside,
    rowKeys,
    onRead,
  }: {
    readonly logs: ReadonlyMap<number, PartitionLog>;
    readonly standing: Standing;
    readonly setAside: SetAside;
    readonly rowKeys: RowKeys | undefined;
    readonly onRead: (messages: number) => void;
  },
): Promise<Projection> {
  let behind = 0;
  let read = 0;
  let sinceMs: bigint | undefined;
  const reached = new Map<number, bigint>();
  const take = (message: KafkaMessage, partition: number) => {
    const offset = BigInt(message.offset);
    // A consumer that Kafka had lost sight of begins again.
    if (offset < (reached.get(partition) ?? 0n)) return;
    const timeMs = messageTimeMs(message.timestamp);
    if (!reached.has(partition)) sinceMs = earlier(sinceMs, BigInt(timeMs));
    reached.set(partition, offset + 1n);
    const end = logs.get(partition)?.end ?? 0n;
    if (offset >= end) return;
    read++;
    const isDeleted = message.value === null;
    if (rowKeys === undefined && isDeleted) return;
    const isSetAside = setAside.has(topic, partition, message);
    if (!isSetAside && offset >= (standing.get(partition) ?? 0n)) behind++;
    add(message, partition, isSetAside);
  };
  let waiting: Waiting[] = [];
  const add = (message: KafkaMessage, partition: number, isSetAside: boolean) => {
    const key = rowKeys === undefined ? NO_KEY : rowKeys.of(message, partition, isSetAside);
    if (typeof key === 'number') {
      waiting.push({ id: key, message: detached(message), partition });
      return;
    }
    const isDeleted = message.value === null;
    // A delete that names no row deletes none.
    if (key === undefined && (isSetAside || isDeleted)) return;
    if (key === undefined)
      throw new IncompatibleSchemaError(
        `topic ${topic} has a message that nobody can read and that is no dead letter, at ${partition}/${message.offset}: its row cannot be told from others`,
      );
    const timeMs = messageTimeMs(message.timestamp);
    side.add(key, partition, Number(message.offset), timeMs, { isDeleted, isSetAside });
  };
  const short = await readTopics(admin, settings, new Map([[topic, take]]), signal, {
    afterFetch: async () => {
      onRead(read);
      const learnt = waiting;
      waiting = [];
      for (const id of new Set(learnt.map((one) => one.id))) await rowKeys?.learn(id);
      for (const { message, partition } of learnt)
        add(message, partition, setAside.has(topic, partition, message));
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

/** Of a partition only the first counts: the others are later by the broker's clock. */
function earlier(one: bigint | undefined, other: bigint): bigint {
  return one === undefined || other < one ? other : one;
}
