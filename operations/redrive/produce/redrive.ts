import type { Connections } from '../../../core/connections.ts';
import { deadLetterHeaders } from '../../../core/dead-letters/format.ts';
import { byStream } from '../../../operations/dead-letters/choose.ts';
import type { Redriven, RedriveOutcome } from '../../../core/dead-letters/writer.ts';
import type { ProduceDeadLetter } from '../../../core/dead-letters/reader.ts';
import {
  IncompatibleSchemaError,
  messageOf,
  RecordError,
  UnexpectedAnswerError,
} from '../../../core/errors.ts';
import { isJsonObject, parseJson, type JsonValue } from '../../../core/json.ts';
import { readMessageLimits, type MessageLimit } from '../../../core/kafka/message-limits.ts';
import { readTopics, type MessageHandler } from '../../../core/kafka/topic-reader.ts';
import { deadLettersTopic, topicOf } from '../../../core/stream-name.ts';
import { KeyTable } from '../../../producers/state/key-table.ts';
import { sourceList, type SourceList } from '../../../producers/chartmogul/source-list.ts';
import { eventStream, type StreamSpec } from '../../../producers/chartmogul/streams.ts';
import { knownStreams } from '../../../producers/chartmogul/known-streams.ts';
import { messageHeaders, type Message } from '../../../producers/encode/message.ts';
import { hashIn } from '../../../producers/state/read-back.ts';
import type { RedriveProducer } from '../redrive-producer.ts';
import { StreamCounts } from '../../../producers/report/stream-counts.ts';
import { MessageEncoder } from '../../../producers/encode/message-encoder.ts';
import type { RecordHash } from '../../../producers/encode/record-hash.ts';
import { withSingleKey } from '../../../producers/encode/single-record.ts';
import { identify } from '../../../producers/state/identify.ts';
import { eventRecord } from '../../../producers/webhook/event-record.ts';
import { ListEntry } from '../../../producers/chartmogul/list-entry.ts';

interface RecordServices extends Connections<'admin' | 'registry'> {
  readonly producer: RedriveProducer;
}

/** A record as a message, or the reason why it cannot become one. */
type Encoded =
  | { readonly message: Message; readonly discarded: number }
  | { readonly error: { readonly code: string; readonly message: string } };

/**
 * Sends the records of dead letters to their topics, encoded as a run would encode them now: with
 * the current schema and mode. Message and mark are one transaction. If the topic already has a
 * record, or a later message with its key, only marks the dead letter.
 * @param deadLetters with their values.
 * @throws ConfigError, FencedError, ServiceUnavailableError, ServiceRefusedError; the signal's
 *   reason
 */
export async function* redriveRecords(
  deadLetters: readonly ProduceDeadLetter[],
  services: RecordServices,
): AsyncGenerator<Redriven, void, undefined> {
  const { admin, settings } = services;
  const known = [...knownStreams(settings), eventStream];
  const byTime = deadLetters.toSorted((a, b) => a.rejectedAtMs - b.rejectedAtMs);
  for (const [stream, ofStream] of byStream(byTime)) {
    const spec = known.find(({ name }) => name === stream);
    if (spec === undefined) {
      const why = `${stream} is not a known stream: add it to the streams in CONFIG_FILE`;
      for (const deadLetter of ofStream) yield { deadLetter, outcome: { kind: 'skipped', why } };
      continue;
    }
    await admin.ensureTopics([topicOf(settings.topicPrefix, stream)]);
    yield* redriveStream(spec, ofStream, services);
  }
}

async function* redriveStream(
  spec: StreamSpec,
  deadLetters: readonly ProduceDeadLetter[],
  services: RecordServices,
): AsyncGenerator<Redriven, void, undefined> {
  const { admin, settings, producer, signal } = services;
  const topic = topicOf(settings.topicPrefix, spec.name);
  const latest = await latestMessages(
    services,
    topic,
    deadLetters.flatMap(({ recordKey }) => recordKey ?? []),
  );
  const topics = [topic, deadLettersTopic(settings.topicPrefix)];
  const messageLimit = await readMessageLimits(admin, topics);
  const redrive = async (
    deadLetter: ProduceDeadLetter,
  ): Promise<{ outcome: RedriveOutcome; sent?: Message }> => {
    const { recordKey } = deadLetter;
    const how = recordKey === undefined ? undefined : supersededBy(deadLetter, latest.get(recordKey));
    if (how !== undefined) return { outcome: { kind: 'redriven', how } };
    if (deadLetter.isTruncated) {
      const why = `the dead letter contains only the first ${deadLetter.bytes} of ${deadLetter.originalBytes} bytes: produce the record again`;
      return { outcome: { kind: 'skipped', why } };
    }
    const encoded = await encodeRecord(spec, deadLetter, services, messageLimit);
    if ('error' in encoded) return { outcome: { kind: 'failed', error: encoded.error } };
    const { message, discarded } = encoded;
    if (message.key !== recordKey) {
      // The key was unknown when the topic was read.
      const later = supersededBy(
        deadLetter,
        (await latestMessages(services, topic, [message.key])).get(message.key),
      );
      if (later !== undefined) return { outcome: { kind: 'redriven', how: later } };
    }
    const without = discarded === 0 ? '' : `, ${discarded} of its fields omitted in discard mode`;
    return { outcome: { kind: 'redriven', how: `record sent${without}` }, sent: message };
  };
  for (const deadLetter of deadLetters) {
    signal.throwIfAborted();
    const { outcome, sent } = await redrive(deadLetter);
    await producer.mark(deadLetter, outcome, sent && [{ topic, messages: [sent] }]);
    yield { deadLetter, outcome };
  }
}

interface LatestMessage {
  readonly timeMs: number;
  readonly hash: RecordHash;
  readonly isDelete: boolean;
}

/** Returns the latest message of each key. Reads the entire topic. */
async function latestMessages(
  { settings, signal }: RecordServices,
  topic: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, LatestMessage>> {
  const latest = new Map<string, LatestMessage>();
  const wanted = new Set(keys);
  if (wanted.size === 0) return latest;
  const handle: MessageHandler = ({ key: bytes, value, headers, timestamp }) => {
    const key = bytes?.toString('utf8');
    if (key === undefined || !wanted.has(key)) return;
    // Copied, because the original would keep the entire fetch in memory.
    const hash = Buffer.from(hashIn(headers));
    latest.set(key, { timeMs: Number(timestamp), hash, isDelete: value === null });
  };
  await readTopics(settings, new Map([[topic, handle]]), signal);
  return latest;
}

/** Returns why the record need not be sent; undefined if it must be. */
function supersededBy(deadLetter: ProduceDeadLetter, latest: LatestMessage | undefined): string | undefined {
  if (latest === undefined) return undefined;
  // The hash of a message without a hash header is all zeros.
  if (
    !latest.isDelete &&
    latest.hash.some((byte) => byte !== 0) &&
    latest.hash.equals(hashIn(deadLetter.headers))
  )
    return 'superseded: the topic has this record';
  if (latest.timeMs <= deadLetter.rejectedAtMs) return undefined;
  return `superseded: the topic has a later ${latest.isDelete ? 'delete' : 'record'} for its key`;
}

/**
 * Encodes a record as a run would. Uses one encoder per record, so that no record affects another.
 */
async function encodeRecord(
  spec: StreamSpec,
  { value, headers }: ProduceDeadLetter,
  { registry, settings }: RecordServices,
  messageLimit: MessageLimit,
): Promise<Encoded> {
  const { topicPrefix, produce } = settings;
  if (value === undefined) throw new RangeError('the dead letter was read without its value');
  const counts = new StreamCounts(spec.name, topicOf(topicPrefix, spec.name));
  const mode = produce.modes.get(spec.name) ?? 'evolve';
  const list = listOf(spec, headers[deadLetterHeaders.page]?.toString('utf8') ?? '');
  try {
    const read = spec === eventStream ? eventRecord(value) : recordIn(value);
    const sample = isJsonObject(read) ? [withSingleKey(read, list, spec, undefined)] : [];
    const options = { registry, topicPrefix, spec, mode, counts, messageLimit };
    const encoder = await MessageEncoder.create(options, sample);
    const keys = new KeyTable();
    const record = identify(new ListEntry(read), list, encoder.records, { spec, mode, keys, isFull: true });
    if (record.error !== undefined) throw record.error;
    const message = await encoder.encode(record, list);
    const { discarded } = counts;
    if (discarded > 0) return { message, discarded };
    // The dead letter's hash is that of the record as it was read. The stored JSON may have a
    // different hash.
    const hashed = { ...message.headers, [messageHeaders.hash]: hashIn(headers) };
    return { message: { ...message, headers: hashed }, discarded };
  } catch (error) {
    // Other errors concern more than this record.
    if (
      error instanceof RecordError ||
      error instanceof IncompatibleSchemaError ||
      error instanceof UnexpectedAnswerError
    )
      return { error: { code: error.code, message: messageOf(error) } };
    throw error;
  }
}

function listOf(spec: StreamSpec, label: string): SourceList {
  const id = /^(.*), page \d{1,9}$/.exec(label)?.[1];
  return { ...sourceList(spec, spec.paths[0]), ...(id !== undefined && { id }) };
}

/** Returns null for bytes that are not JSON. A null has no key, so it fails again. */
function recordIn(value: Buffer): JsonValue {
  try {
    return parseJson(value.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    return null;
  }
}
