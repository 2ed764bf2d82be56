import type { Connections } from '../../core/connections.ts';
import type { EtlError } from '../../core/errors.ts';
import { readMessageLimits } from '../../core/kafka/message-limits.ts';
import { logger } from '../../core/logger.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { eventStream } from '../chartmogul/streams.ts';
import { EventEncoder } from './event-encoder.ts';
import { EventSender } from './event-sender.ts';

/** Maximum number of dead-letter keys that are remembered. */
const MAX_REMEMBERED = 10_000;

/** Stores the bodies of requests as events, or as dead letters if they are rejected. */
export class EventStore {
  readonly #encoder: EventEncoder;
  readonly #sender: EventSender;
  /**
   * Keys of recent dead letters. A retry must not send one again, because a user may have discarded
   * it.
   */
  readonly #deadLetters = new Set<string>();

  private constructor(encoder: EventEncoder, sender: EventSender) {
    this.#encoder = encoder;
    this.#sender = sender;
  }

  /** @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError */
  static async open({ admin, registry, settings }: Connections<'admin' | 'registry'>): Promise<EventStore> {
    const { topicPrefix, kafka } = settings;
    const topics = [topicOf(topicPrefix, eventStream.name), deadLettersTopic(topicPrefix)];
    await admin.ensureTopics(topics);
    const encoder = await EventEncoder.create(registry, settings, await readMessageLimits(admin, topics));
    return new EventStore(encoder, new EventSender(admin, kafka, topics));
  }

  /**
   * Resolves once Kafka has stored the event or its dead letter, with the reason if it is a dead
   * letter.
   *
   * @throws ServiceUnavailableError, ServiceRefusedError
   */
  async store(body: Buffer): Promise<EtlError | undefined> {
    const { topic, message, rejection } = await this.#encoder.encode(body);
    if (rejection !== undefined && this.#deadLetters.has(message.key)) return rejection;
    await this.#sender.send(topic, message);
    if (rejection === undefined) return undefined;
    if (this.#deadLetters.size >= MAX_REMEMBERED) this.#deadLetters.clear();
    this.#deadLetters.add(message.key);
    logger.warn(
      { stream: eventStream.name, reason: rejection.message },
      'request sent to the dead-letter topic',
    );
    return rejection;
  }

  async close(): Promise<void> {
    await this.#sender.close();
  }
}
