import type { Admin } from 'kafkajs';
import type { Registry } from '../../../core/avro/registry.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { deadLetterHeaders } from '../../../core/dead-letters/dead-letter.ts';
import { byStream } from '../../../core/dead-letters/choice.ts';
import type { Redriven, RedriveOutcome } from '../../../core/dead-letters/mark.ts';
import type { ProduceLetter } from '../../../core/dead-letters/parse-letter.ts';
import { IncompatibleSchemaError, UnexpectedAnswerError } from '../../../core/errors.ts';
import { parseJson, type JsonValue } from '../../../core/json.ts';
import { ensureTopics } from '../../../core/kafka/client.ts';
import { readMessageLimits, type MessageLimit } from '../../../core/kafka/message-limits.ts';
import { deadLettersTopic, topicOf } from '../../../core/stream-name.ts';
import { ChildTable } from '../../../producers/state/child-table.ts';
import { KeyTable } from '../../../producers/state/key-table.ts';
import { sourceList, type Page } from '../../../producers/chartmogul/source-list.ts';
import type { StreamSpec } from '../../../producers/chartmogul/streams.ts';
import { knownStreams } from '../../../producers/chartmogul/known-streams.ts';
import { messageHeaders, type Message } from '../../../producers/encode/message.ts';
import { hashIn } from '../../../producers/state/read-back.ts';
import type { RedriveProducer } from './redrive-producer.ts';
import { latestMessages, type LatestMessage } from './later-messages.ts';
import { createStreamCounts } from '../../../producers/report/stream-counts.ts';
import { StreamEncoder } from '../../../producers/run/stream-encoder.ts';

export interface RecordServices {
  readonly admin: Admin;
  readonly registry: Registry;
  readonly settings: Settings;
  readonly producer: RedriveProducer;
  readonly signal: AbortSignal;
}

/** A record as a message, or why it is none. */
type Encoded =
  | { readonly message: Message; readonly discarded: number }
  | { readonly error: { readonly code: string; readonly message: string } };

/**
 * Sends the records that the letters hold to their topics, encoded as a run would: by the schema as it is now and the mode that is set.
 * Message and mark are one transaction. A record of which the topic has a later message, or this one, is only marked.
 *
 * @param letters with their values.
 * @throws ConfigError, FencedError, ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function* redriveRecords(
  letters: readonly ProduceLetter[],
  services: RecordServices,
): AsyncGenerator<Redriven, void, undefined> {
  const { admin, settings, signal } = services;
  const known = knownStreams(settings);
  const byTime = letters.toSorted((a, b) => a.setAsideMs - b.setAsideMs);
  for (const [stream, ofStream] of byStream(byTime)) {
    const spec = known.find(({ name }) => name === stream);
    if (spec === undefined) {
      const why = `${stream} is no stream of ours: CONFIG_FILE wants it under streams`;
      for (const letter of ofStream) yield { letter, outcome: { kind: 'left', why } };
      continue;
    }
    await ensureTopics(admin, settings.kafka, [topicOf(settings.topicPrefix, stream)], signal);
    yield* redriveStream(spec, ofStream, services);
  }
}

async function* redriveStream(
  spec: StreamSpec,
  letters: readonly ProduceLetter[],
  { admin, registry, settings, producer, signal }: RecordServices,
): AsyncGenerator<Redriven, void, undefined> {
  const topic = topicOf(settings.topicPrefix, spec.name);
  const latestOf = (keys: readonly string[]) => latestMessages(admin, settings, topic, new Set(keys), signal);
  const latest = await latestOf(letters.flatMap(({ recordKey }) => recordKey ?? []));
  const topics = [topic, deadLettersTopic(settings.topicPrefix)];
  const messageLimit = await readMessageLimits(admin, settings.kafka, topics, signal);
  const encode = createEncoder(spec, registry, settings, messageLimit);
  const redrive = async (letter: ProduceLetter): Promise<{ outcome: RedriveOutcome; sent?: Message }> => {
    const { recordKey } = letter;
    const how = recordKey === undefined ? undefined : supersededBy(letter, latest.get(recordKey));
    if (how !== undefined) return { outcome: { kind: 'redriven', how } };
    if (letter.isTruncated) return { outcome: { kind: 'left', why: whyTruncated(letter) } };
    const encoded = await encode(letter);
    if ('error' in encoded) return { outcome: { kind: 'again', error: encoded.error } };
    const { message, discarded } = encoded;
    if (message.key !== recordKey) {
      // Its key could not be told before.
      const later = supersededBy(letter, (await latestOf([message.key])).get(message.key));
      if (later !== undefined) return { outcome: { kind: 'redriven', how: later } };
    }
    const without = discarded === 0 ? '' : `, ${discarded} of its fields left out in mode discard`;
    return { outcome: { kind: 'redriven', how: `record sent${without}` }, sent: message };
  };
  for (const letter of letters) {
    signal.throwIfAborted();
    const { outcome, sent } = await redrive(letter);
    await producer.mark(letter, outcome, sent && [{ topic, messages: [sent] }]);
    yield { letter, outcome };
  }
}

/** Why the record need not be sent; undefined where it must. */
function supersededBy(letter: ProduceLetter, latest: LatestMessage | undefined): string | undefined {
  if (latest === undefined) return undefined;
  // All zeros in a message that says no hash.
  if (
    !latest.isDelete &&
    latest.hash.some((byte) => byte !== 0) &&
    latest.hash.equals(hashIn(letter.headers))
  )
    return 'superseded: the topic has this record';
  if (latest.timeMs <= letter.setAsideMs) return undefined;
  return `superseded: the topic has a later ${latest.isDelete ? 'delete' : 'record'} of its key`;
}

function whyTruncated({ bytes, wholeBytes }: ProduceLetter): string {
  return `the letter holds the first ${bytes} of ${wholeBytes} bytes: produce the record again`;
}

/** Encodes by the means of a run, as if each record stood alone on a page. */
function createEncoder(
  spec: StreamSpec,
  registry: Registry,
  { topicPrefix, produce }: Settings,
  messageLimit: MessageLimit,
): (letter: ProduceLetter) => Promise<Encoded> {
  return async (letter) => {
    const counts = createStreamCounts(spec.name, topicOf(topicPrefix, spec.name));
    // A new one each time: what one letter has sent is no reason to leave out another.
    const encoder = new StreamEncoder({
      registry,
      topicPrefix,
      spec,
      mode: produce.modes.get(spec.name) ?? 'evolve',
      isFull: true,
      keys: new KeyTable(),
      children: new ChildTable(),
      letters: new KeyTable(),
      discarded: new KeyTable(),
      counts,
      messageLimit,
    });
    try {
      await encoder.begin();
      for await (const { messages, letters } of encoder.encode(pagesOf(spec, letter))) {
        const [message] = messages;
        if (message !== undefined)
          return {
            message: counts.discarded === 0 ? withHashOf(letter, message) : message,
            discarded: counts.discarded,
          };
        const headers = letters[0]?.headers ?? {};
        const [code, reason] = [deadLetterHeaders.code, deadLetterHeaders.reason].map((name) =>
          String(headers[name] ?? ''),
        );
        return { error: { code: code ?? '', message: reason ?? '' } };
      }
      throw new RangeError('a page that came to nothing');
    } catch (error) {
      // Of this record's making: those of other records may be well.
      if (!(error instanceof IncompatibleSchemaError || error instanceof UnexpectedAnswerError)) throw error;
      return { error: { code: error.code, message: error.message } };
    }
  };
}

/** The hash of a whole record is that of the record as it was read: its JSON in the letter may have another. */
function withHashOf({ headers }: ProduceLetter, message: Message): Message {
  return { ...message, headers: { ...message.headers, [messageHeaders.hash]: hashIn(headers) } };
}

// eslint-disable-next-line @typescript-eslint/require-await -- the source of a pipeline
async function* pagesOf(spec: StreamSpec, { value, headers }: ProduceLetter): AsyncGenerator<Page> {
  if (value === undefined) throw new RangeError('a letter that was read without its value');
  const at = /^(.*), page (\d{1,9})$/.exec(headers[deadLetterHeaders.page]?.toString('utf8') ?? '');
  const list = { ...sourceList(spec, spec.paths[0]), ...(at?.[1] !== undefined && { id: at[1] }) };
  yield { list, number: Number(at?.[2] ?? 1), records: [recordIn(value)], next: undefined };
}

/** What is no JSON has no key either, and fails again as such. */
function recordIn(value: Buffer): JsonValue {
  try {
    return parseJson(value.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    return null;
  }
}
