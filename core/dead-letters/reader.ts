import { createHash } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { NOT_FRAMED } from '../avro/wire-format.ts';
import { messageTimeMs } from '../kafka/message-time.ts';
import { readTopics } from '../kafka/topic-reader.ts';
import type { Settings } from '../settings/config.ts';
import { deadLettersTopic, isStreamName, topicOf } from '../stream-name.ts';
import { deadLetterHeaders, deadLetterMarks, deadLetterState, type DeadLetterState } from './format.ts';

interface DeadLetterBase {
  /** SHA-256 of the key in 64 hex digits. A mark does not change it. */
  readonly id: string;
  readonly key: string;
  readonly stream: string;
  readonly code: string;
  readonly reason: string;
  /** Key of the rejected message, or the key that the record would have had. */
  readonly recordKey: string | undefined;
  readonly rejectedAtMs: number;
  readonly state: DeadLetterState;
  readonly redrivenMs: number | undefined;
  /** Number of redrives that failed. */
  readonly attempts: number;
  /**
   * All headers, which are sent again with the dead letter; none if the reader did not keep the
   * value. They are copies: the originals would keep the entire fetch in memory.
   */
  readonly headers: Readonly<Record<string, Buffer>>;
  readonly bytes: number;
  readonly isTruncated: boolean;
  /** Length of the value before it was truncated. */
  readonly originalBytes: number;
  /** Undefined if the reader did not keep it. */
  readonly value: Buffer | undefined;
}

export interface ProduceDeadLetter extends DeadLetterBase {
  readonly step: 'produce';
}

export interface SinkDeadLetter extends DeadLetterBase {
  readonly step: 'sink';
  readonly topic: string;
  readonly partition: number;
  /** Below 2^53. */
  readonly offset: number;
  readonly timestampMs: number;
  /** Whether the message was a delete. Its dead letter has an empty value. */
  readonly isDelete: boolean;
}

export type StoredDeadLetter = ProduceDeadLetter | SinkDeadLetter;

export const deadLetterSteps = ['produce', 'sink'] as const satisfies readonly StoredDeadLetter['step'][];
export type DeadLetterStep = (typeof deadLetterSteps)[number];

/**
 * Reads the latest dead letter of each key; none if the topic does not exist. `others` counts
 * messages that are not dead letters of this prefix.
 * @param keepsValue selects the dead letters whose value and headers are kept. Without them, a dead
 *   letter takes about 1 kB of memory.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function readDeadLetters(
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  keepsValue: (deadLetter: StoredDeadLetter) => boolean,
  signal: AbortSignal,
): Promise<{ readonly deadLetters: readonly StoredDeadLetter[]; readonly others: number }> {
  const { topicPrefix } = settings;
  const latest = new Map<string, StoredDeadLetter | undefined>();
  let keyless = 0;
  const handle = (message: KafkaMessage) => {
    const { key, value } = message;
    if (key === null) {
      keyless++;
      return;
    }
    // Latin-1 keeps every byte: keys of other writers may not be valid UTF-8.
    const id = key.toString('latin1');
    if (value === null) return void latest.delete(id);
    const deadLetter = parseDeadLetter(message, topicPrefix);
    // A copy: the original would keep the entire fetch in memory.
    const isKept = deadLetter !== undefined && keepsValue(deadLetter);
    const kept = isKept ? { value: Buffer.from(value) } : { headers: {} };
    latest.set(id, deadLetter && { ...deadLetter, ...kept });
  };
  await readTopics(settings, new Map([[deadLettersTopic(topicPrefix), handle]]), signal);
  const deadLetters = [...latest.values()].filter((deadLetter) => deadLetter !== undefined);
  return { deadLetters, others: keyless + latest.size - deadLetters.length };
}

/**
 * Parses a message, and leaves out its value. Returns undefined if the message is not a dead letter
 * of this prefix: any client may write to the topic.
 */
export function parseDeadLetter(message: KafkaMessage, topicPrefix: string): StoredDeadLetter | undefined {
  const { key, value } = message;
  if (key === null || value === null) return undefined;
  const headers = buffersOf(message.headers);
  const text = (name: string) => headers[name]?.toString('utf8');
  const stream = text(deadLetterHeaders.stream) ?? '';
  const ownTime = parseTimestamp(message.timestamp);
  // A key that is not valid UTF-8 could not be sent again unchanged.
  const keyText = key.toString('utf8');
  if (!isStreamName(stream) || ownTime === undefined || !Buffer.from(keyText).equals(key)) return undefined;
  const originalBytes = parseInteger(text(deadLetterHeaders.truncated));
  const base = {
    id: createHash('sha256').update(key).digest('hex'),
    key: keyText,
    stream,
    code: text(deadLetterHeaders.code) ?? '',
    reason: text(deadLetterHeaders.reason) ?? '',
    recordKey: text(deadLetterHeaders.key),
    rejectedAtMs: parseInteger(text(deadLetterMarks.rejectedAt)) ?? ownTime,
    state: deadLetterState(headers),
    redrivenMs: parseInteger(text(deadLetterMarks.redrivenAt)),
    attempts: parseInteger(text(deadLetterMarks.attempts)) ?? 0,
    headers,
    bytes: value.length,
    isTruncated: originalBytes !== undefined || headers[deadLetterHeaders.keyTruncated] !== undefined,
    originalBytes: originalBytes ?? value.length,
    value: undefined,
  };
  switch (text(deadLetterHeaders.step)) {
    case 'produce':
      return { ...base, step: 'produce' };
    case 'sink': {
      const topic = text(deadLetterHeaders.topic);
      const partition = parseInteger(text(deadLetterHeaders.partition));
      const offset = parseInteger(text(deadLetterHeaders.offset));
      const timestampMs = parseTimestamp(text(deadLetterHeaders.timestamp));
      if (topic !== topicOf(topicPrefix, stream) || partition === undefined || partition > MAX_PARTITION)
        return undefined;
      if (offset === undefined || timestampMs === undefined) return undefined;
      // Both a delete and a message with an empty value arrive empty, but only the latter is
      // rejected for being empty.
      const isDelete = value.length === 0 && base.reason !== NOT_FRAMED;
      return { ...base, step: 'sink', topic, partition, offset, timestampMs, isDelete };
    }
    default:
      return undefined;
  }
}

/** Kafka numbers partitions in 32 bits. */
const MAX_PARTITION = 2 ** 31 - 1;

function buffersOf(headers: KafkaMessage['headers']): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) =>
      Buffer.isBuffer(value) ? [[name, Buffer.from(value)] as const] : [],
    ),
  );
}

/** The time may be before 1970. */
function parseTimestamp(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,19}$/.test(text) ? messageTimeMs(text) : undefined;
}

function parseInteger(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const integer = Number(text);
  return Number.isSafeInteger(integer) ? integer : undefined;
}
