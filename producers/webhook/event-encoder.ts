import { createHash } from 'node:crypto';
import type { Registry } from '../../core/avro/registry.ts';
import { IncompatibleSchemaError, RecordError, type EtlError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { MessageLimit } from '../../core/kafka/message-limits.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { sourceList } from '../chartmogul/source-list.ts';
import { eventStream } from '../chartmogul/streams.ts';
import { deadLetterMessage } from '../encode/dead-letter-message.ts';
import { HashedKey } from '../encode/hashed-key.ts';
import { MessageEncoder } from '../encode/message-encoder.ts';
import type { Message } from '../encode/message.ts';
import { recordHash, type RecordHash } from '../encode/record-hash.ts';
import { deadLetterKeyOf } from '../encode/source-record.ts';
import { eventRecord } from './event-record.ts';

/** The message for a request: its event or its dead letter. */
export interface EncodedEvent {
  readonly topic: string;
  readonly message: Message;
  /** The error that made the message a dead letter; undefined for an event. */
  readonly rejection: EtlError | undefined;
}

const { name: STREAM, paths } = eventStream;
const list = sourceList(eventStream, paths[0]);

/** Encodes the bodies of requests, one after the other, because an event may extend the schema. */
export class EventEncoder {
  readonly #messages: MessageEncoder;
  readonly #topicPrefix: string;
  readonly #messageLimit: MessageLimit;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(messages: MessageEncoder, topicPrefix: string, messageLimit: MessageLimit) {
    this.#messages = messages;
    this.#topicPrefix = topicPrefix;
    this.#messageLimit = messageLimit;
  }

  /** @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError */
  static async create(
    registry: Registry,
    { topicPrefix, produce }: Pick<Settings, 'topicPrefix' | 'produce'>,
    messageLimit: MessageLimit,
  ): Promise<EventEncoder> {
    const mode = produce.modes.get(STREAM) ?? 'evolve';
    const counts = { topic: topicOf(topicPrefix, STREAM), discarded: 0, newFields: [] };
    const options = { registry, topicPrefix, spec: eventStream, mode, counts, messageLimit };
    return new EventEncoder(await MessageEncoder.create(options, []), topicPrefix, messageLimit);
  }

  /** @throws ServiceUnavailableError, ServiceRefusedError from the registry */
  encode(body: Buffer): Promise<EncodedEvent> {
    const encoded = this.#last.then(() => this.#encode(body));
    this.#last = encoded.catch(() => undefined);
    return encoded;
  }

  async #encode(body: Buffer): Promise<EncodedEvent> {
    let record: JsonObject | undefined;
    try {
      record = eventRecord(body);
      const key = new HashedKey(this.#messages.records.keyOf(record));
      const message = await this.#messages.encode({ record, key, hash: recordHash(record) }, list);
      return { topic: topicOf(this.#topicPrefix, STREAM), message, rejection: undefined };
    } catch (error) {
      if (!(error instanceof RecordError || error instanceof IncompatibleSchemaError)) throw error;
      return this.#deadLetter(body, record, error);
    }
  }

  #deadLetter(body: Buffer, record: JsonObject | undefined, rejection: EtlError): EncodedEvent {
    const topic = deadLettersTopic(this.#topicPrefix);
    const digest = createHash('sha256').update(body).digest();
    const hash: RecordHash = record === undefined ? digest.subarray(0, 8) : recordHash(record);
    const key = record && this.#messages.records.keyOf(record);
    const deadLetterKey = deadLetterKeyOf(STREAM, key ?? digest.toString('hex'), hash);
    const rejected = { stream: STREAM, deadLetterKey, key, value: body, hash, page: 'webhook' };
    return { topic, message: deadLetterMessage(rejected, rejection, this.#messageLimit(topic)), rejection };
  }
}
