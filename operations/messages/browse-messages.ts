import type { KafkaMessage } from 'kafkajs';
import type { Connections } from '../../core/connections.ts';
import { ConfigError } from '../../core/errors.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { PartitionReader, type Gap } from '../../core/kafka/partition-reader.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { streamOfTopic, topicOf } from '../../core/stream-name.ts';
import { TimeSlice } from '../../core/time-slice.ts';
import { readPartitionLogs } from '../../consumers/stream/partition-logs.ts';
import type { PartitionLog } from '../../consumers/stream/resume-offset.ts';
import { collectNewest, collectOldest } from './collect-messages.ts';
import { MessageDecoder } from './message-decoder.ts';
import { viewMessage, type MessageView } from './message-view.ts';
import { ScanBudget, scanLimits, type ScanLimits } from './scan-budget.ts';
import { gapAt } from './scan-partition.ts';
import { cursorText, parseCursor, type Positions } from './topic-cursor.ts';

/**
 * The start of the search. `newest` and `key` search backward from the end. `offset` and `time`
 * search forward.
 */
export type MessageStart =
  | { readonly by: 'newest' }
  | { readonly by: 'key'; readonly key: string }
  | { readonly by: 'time'; readonly timeMs: number }
  | { readonly by: 'offset'; readonly offset: bigint };

export interface MessageQuery {
  readonly stream: string;
  readonly start: MessageStart;
  /** Searches only this partition. An offset requires a partition. */
  readonly partition?: number | undefined;
  /** The `next` of an earlier result, at which the search continues. */
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface SearchedPartition {
  readonly partition: number;
  /** The first offset, and the end offset. */
  readonly start: bigint;
  readonly end: bigint;
  /** The offsets that this call searched: from `from`, inclusive, to `to`, exclusive. */
  readonly from: bigint;
  readonly to: bigint;
}

export interface MessagePage {
  readonly topic: string;
  readonly order: 'newest first' | 'oldest first';
  readonly messages: readonly MessageView[];
  readonly partitions: readonly SearchedPartition[];
  /** Number of messages that were read to find these. */
  readonly scanned: number;
  /** The cursor for the rest; undefined if everything was searched. */
  readonly next: string | undefined;
  /**
   * The reason why the requested offset has no message; undefined if it has one, or if the query
   * has a cursor or does not start at an offset.
   */
  readonly gap: Gap | 'before the start' | undefined;
}

export const MAX_MESSAGES = 200;
const DEFAULT_MESSAGES = 50;
/** Maximum total size of the keys and values on a page, in bytes. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * Returns committed messages of a stream's topic, decoded with their schemas. One call reads at
 * most {@link scanLimits}, and returns the offsets that it searched. It refuses topics that do not
 * belong to a stream, such as those of checkpoints and dead letters.
 * @throws ConfigError for a wrong query; TopicGoneError; errors of Kafka.
 */
export async function browseMessages(
  { admin, registry, settings, signal }: Connections<'admin' | 'registry'>,
  query: MessageQuery,
  limits: ScanLimits = scanLimits,
): Promise<MessagePage> {
  const { stream, start, partition } = query;
  const topic = topicOf(settings.topicPrefix, stream);
  if (streamOfTopic(settings.topicPrefix, topic) === undefined)
    throw new ConfigError(`the stream must have a topic of records; got "${stream.slice(0, 80)}"`);
  const limit = limitOf(query);
  const all = await readPartitionLogs(admin, topic);
  const logs = partition === undefined ? all : onlyPartition(all, partition);
  const isBackward = start.by === 'newest' || start.by === 'key';
  const begin =
    query.cursor === undefined ? await beginOf(start, logs, partition) : parseCursor(query.cursor);
  const spans = spansOf(logs, begin, isBackward);
  const budget = new ScanBudget(limits);
  return PartitionReader.with(settings.kafka, signal, async (reader) => {
    const options = { reader, topic, spans, limit, maxBytes: MAX_PAGE_BYTES, budget };
    const matching = start.by === 'key' ? { matches: hasKey(start.key) } : {};
    const { messages, rest, searched } = isBackward
      ? await collectNewest({ ...options, ...matching })
      : await collectOldest(options);
    const decoder = new MessageDecoder(registry, stream);
    const views: MessageView[] = [];
    const slice = new TimeSlice();
    for (const message of messages) {
      if (slice.isOver()) await slice.next();
      signal.throwIfAborted();
      views.push(await viewMessage(message, decoder));
    }
    const gap = await gapOf(query, logs, (offset) =>
      gapAt({ reader, topic, partition: partition ?? 0, fetchBytes: 1 }, offset),
    );
    return {
      topic,
      order: isBackward ? 'newest first' : 'oldest first',
      messages: views,
      partitions: [...logs]
        .map(([number, log]) => {
          const { from, to } = searched.get(number) ?? { from: log.end, to: log.end };
          return { partition: number, start: log.start, end: log.end, from, to };
        })
        .sort((a, b) => a.partition - b.partition),
      scanned: budget.scanned,
      next: rest.size === 0 ? undefined : cursorText(rest),
      gap,
    };
  });
}

function limitOf({ limit = DEFAULT_MESSAGES }: MessageQuery): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_MESSAGES)
    throw new ConfigError(`the limit must be an integer from 1 to ${MAX_MESSAGES}; got ${limit}`);
  return limit;
}

type Logs = ReadonlyMap<number, PartitionLog>;

function onlyPartition(logs: Logs, partition: number): Logs {
  const log = logs.get(partition);
  if (log === undefined)
    throw new ConfigError(`the partition must be from 0 to ${logs.size - 1}; got ${partition}`);
  return new Map([[partition, log]]);
}

/** Returns the offsets at which the search begins: the end offsets for a backward search. */
async function beginOf(start: MessageStart, logs: Logs, partition: number | undefined): Promise<Positions> {
  const begin = new Map<number, bigint>();
  for (const [number, log] of logs) {
    if (start.by === 'time') {
      if (!Number.isFinite(start.timeMs)) throw new ConfigError('the time must be an ISO time');
      begin.set(number, await log.firstOffsetSince(BigInt(Math.trunc(messageTimeMs(String(start.timeMs))))));
    } else if (start.by === 'offset') {
      if (partition === undefined) throw new ConfigError('an offset needs a partition; got none');
      const { offset } = start;
      if (offset < 0n || offset >= log.end)
        throw new ConfigError(
          `the offset must be at least 0 and below the end offset ${log.end} of partition ${number}; got ${offset}`,
        );
      begin.set(number, offset);
    } else begin.set(number, log.end);
  }
  return begin;
}

function spansOf(logs: Logs, begin: Positions, isBackward: boolean): Map<number, OffsetSpan> {
  const spans = new Map<number, OffsetSpan>();
  for (const [partition, { start, end }] of logs) {
    // A cursor may be older than the retention of the topic, or from before the topic was
    // recreated.
    const asked = begin.get(partition) ?? (isBackward ? start : end);
    const at = asked < start ? start : asked > end ? end : asked;
    if (start < end) spans.set(partition, isBackward ? { from: start, to: at } : { from: at, to: end });
  }
  return spans;
}

async function gapOf(
  { start, partition, cursor }: MessageQuery,
  logs: Logs,
  find: (offset: bigint) => Promise<MessagePage['gap']>,
): Promise<MessagePage['gap']> {
  if (start.by !== 'offset' || partition === undefined || cursor !== undefined) return undefined;
  const { offset } = start;
  return offset < (logs.get(partition)?.start ?? 0n) ? 'before the start' : find(offset);
}

/** Returns a function that tests for a key, given as text or as hexadecimal digits after `0x`. */
function hasKey(key: string): (message: KafkaMessage) => boolean {
  const [, digits] = /^0x((?:[0-9a-fA-F]{2})+)$/.exec(key) ?? [];
  const forms = [Buffer.from(key, 'utf8'), ...(digits === undefined ? [] : [Buffer.from(digits, 'hex')])];
  return (message) => forms.some((form) => message.key?.equals(form) === true);
}
