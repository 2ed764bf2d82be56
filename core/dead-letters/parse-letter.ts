import { createHash } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { deadLetterHeaders } from './dead-letter.ts';
import { messageTimeMs } from '../kafka/message-time.ts';
import { letterMarks, letterState, type LetterState } from './mark.ts';
import { isStreamName, topicOf } from '../stream-name.ts';

/** What every letter says. */
interface LetterBase {
  /** 64 hex digits of its key's SHA-256: the same when it is sent again. */
  readonly id: string;
  /** Of its message on the topic of dead letters. */
  readonly key: string;
  readonly stream: string;
  readonly code: string;
  readonly reason: string;
  /** The key that its message has, or would have had. */
  readonly recordKey: string | undefined;
  /** When it was set aside. */
  readonly setAsideMs: number;
  readonly state: LetterState;
  readonly redrivenMs: number | undefined;
  /** How often it was redriven in vain. */
  readonly attempts: number;
  /** All that it has, for sending it again; copies, which do not keep the fetch. */
  readonly headers: Readonly<Record<string, Buffer>>;
  /** Length of its value. */
  readonly bytes: number;
  /** Value or key are the first bytes of what was set aside. */
  readonly isTruncated: boolean;
  /** Length of the value that was set aside. */
  readonly wholeBytes: number;
  /** What was set aside; undefined where it was read without. */
  readonly value: Buffer | undefined;
}

/** A record of the source, as JSON. */
export interface ProduceLetter extends LetterBase {
  readonly step: 'produce';
}

/** A message that is no row: the bytes of its value, and where it stands. */
export interface SinkLetter extends LetterBase {
  readonly step: 'sink';
  readonly topic: string;
  readonly partition: number;
  /** Below 2^53. */
  readonly offset: number;
  /** Kafka's time of it. */
  readonly timestampMs: number;
}

/** A letter as it stands on the topic. */
export type StoredLetter = ProduceLetter | SinkLetter;

export const letterSteps = ['produce', 'sink'] as const satisfies readonly StoredLetter['step'][];
export type LetterStep = (typeof letterSteps)[number];

/** The id of a letter of this key. */
function letterIdOf(key: string | Buffer): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * Reads a message of the topic of dead letters, without its value; undefined where it is no letter of this prefix: anybody may
 * write to the topic.
 */
export function parseLetter(message: KafkaMessage, topicPrefix: string): StoredLetter | undefined {
  const { key, value } = message;
  if (key === null || value === null) return undefined;
  const headers = buffersOf(message.headers);
  const text = (name: string) => headers[name]?.toString('utf8');
  const stream = text(deadLetterHeaders.stream) ?? '';
  const ownTime = timeIn(message.timestamp);
  // A key of other bytes than its text has could not be sent again.
  const keyText = key.toString('utf8');
  if (!isStreamName(stream) || ownTime === undefined || !Buffer.from(keyText).equals(key)) return undefined;
  const wholeBytes = integerIn(text(deadLetterHeaders.truncated));
  const base = {
    id: letterIdOf(key),
    key: keyText,
    stream,
    code: text(deadLetterHeaders.code) ?? '',
    reason: text(deadLetterHeaders.reason) ?? '',
    recordKey: text(deadLetterHeaders.key),
    setAsideMs: integerIn(text(letterMarks.setAsideAt)) ?? ownTime,
    state: letterState(headers),
    redrivenMs: integerIn(text(letterMarks.redrivenAt)),
    attempts: integerIn(text(letterMarks.attempts)) ?? 0,
    headers,
    bytes: value.length,
    isTruncated: wholeBytes !== undefined || headers[deadLetterHeaders.keyTruncated] !== undefined,
    wholeBytes: wholeBytes ?? value.length,
    value: undefined,
  };
  switch (text(deadLetterHeaders.step)) {
    case 'produce':
      return { ...base, step: 'produce' };
    case 'sink': {
      const topic = text(deadLetterHeaders.topic);
      const partition = integerIn(text(deadLetterHeaders.partition));
      const offset = integerIn(text(deadLetterHeaders.offset));
      const timestampMs = timeIn(text(deadLetterHeaders.timestamp));
      if (topic !== topicOf(topicPrefix, stream) || partition === undefined || partition > MAX_PARTITION)
        return undefined;
      if (offset === undefined || timestampMs === undefined) return undefined;
      return { ...base, step: 'sink', topic, partition, offset, timestampMs };
    }
    default:
      return undefined;
  }
}

/** Kafka's are numbered in 32 bits. */
const MAX_PARTITION = 2 ** 31 - 1;

function buffersOf(headers: KafkaMessage['headers']): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) =>
      Buffer.isBuffer(value) ? [[name, Buffer.from(value)] as const] : [],
    ),
  );
}

/** The time of a message, which may lie before 1970. */
function timeIn(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,19}$/.test(text) ? messageTimeMs(text) : undefined;
}

/** A count, an offset or a time in ms; undefined for any other text. */
function integerIn(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const integer = Number(text);
  return Number.isSafeInteger(integer) ? integer : undefined;
}
