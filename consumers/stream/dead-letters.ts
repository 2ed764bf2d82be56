import type { KafkaMessage, Message, Producer } from 'kafkajs';
import type { Connections } from '../../core/connections.ts';
import { deadLetterHeaders } from '../../core/dead-letters/format.ts';
import { truncated } from '../../core/dead-letters/writer.ts';
import { messageOf, ServiceRefusedError, type RecordError } from '../../core/errors.ts';
import { createKafka, producerOptions } from '../../core/kafka/client.ts';
import { isTooLargeForKafka, kafkaError } from '../../core/kafka/kafka-error.ts';
import { logger } from '../../core/logger.ts';
import { retry, type RetryPolicy } from '../../core/retry.ts';
import { deadLettersTopic } from '../../core/stream-name.ts';
import { MAX_DEAD_LETTER_BYTES } from '../../core/kafka/topic-retention.ts';

/** A message that cannot become a row. */
export interface DeadLetter {
  readonly stream: string;
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
  readonly schemaId: number | undefined;
  readonly error: RecordError;
}

/**
 * Number of calls to `send` that are logged as warnings. The summary counts all dead letters, and
 * `npm run dead-letters` shows them.
 */
const MAX_LOGGED = 10;
/**
 * Maximum size of a request in bytes, because its messages may form one record batch, whose size
 * Kafka limits. Larger dead letters are sent alone.
 */
const MAX_REQUEST_BYTES = 1024 * 1024;
/** Room for the bytes that Kafka adds to a message, and for the headers of a redrive. */
const SPARE_BYTES = 16 * 1024;

interface DeadLetterMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string | Buffer>>;
}

/**
 * Sends messages that cannot become rows to the dead-letter topic. The key is the position of the
 * message, so a dead letter that is sent again (after a crash, for instance) replaces the first.
 */
export class DeadLetters {
  readonly #services: Pick<Connections, 'admin' | 'settings' | 'signal'>;
  #connecting: Promise<Producer> | undefined;
  #logged = 0;

  constructor(services: Pick<Connections, 'admin' | 'settings' | 'signal'>) {
    this.#services = services;
  }

  /**
   * Resolves once Kafka has stored all dead letters. @throws ServiceRefusedError,
   * ServiceUnavailableError
   */
  async send(deadLetters: readonly DeadLetter[], policy: RetryPolicy): Promise<void> {
    const [first] = deadLetters;
    if (first === undefined) return;
    const topic = deadLettersTopic(this.#services.settings.topicPrefix);
    for (const messages of requestsOf(deadLetters)) await this.#deliver(topic, messages, policy);
    const { stream, partition, message, error } = first;
    logger[++this.#logged <= MAX_LOGGED ? 'warn' : 'debug'](
      { stream, deadLetters: deadLetters.length, partition, offset: message.offset, reason: error.message },
      'messages sent to the dead-letter topic; this is the first of them',
    );
  }

  async close(): Promise<void> {
    if (this.#connecting !== undefined) await disconnect(this.#connecting);
  }

  /**
   * Splits requests and truncates dead letters if the topic has a lower size limit, because another
   * client created it.
   */
  async #deliver(topic: string, messages: readonly DeadLetterMessage[], policy: RetryPolicy): Promise<void> {
    try {
      await this.#request(topic, messages, policy);
    } catch (error) {
      if (!isTooLargeForKafka(error)) throw error;
      const [only, ...others] = messages;
      const cut = others.length === 0 ? only && truncated(only) : undefined;
      if (cut === only)
        throw new ServiceRefusedError(
          `topic ${topic} refuses a dead letter because of its size, although it was truncated: set its max.message.bytes to ${MAX_DEAD_LETTER_BYTES}`,
          { cause: error },
        );
      const middle = messages.length >>> 1;
      const parts = cut === undefined ? [messages.slice(0, middle), messages.slice(middle)] : [[cut]];
      for (const part of parts) await this.#deliver(topic, part, policy);
    }
  }

  async #request(topic: string, messages: readonly DeadLetterMessage[], policy: RetryPolicy): Promise<void> {
    await retry({ topic }, policy, this.#services.signal, async () => {
      const connecting = (this.#connecting ??= this.#connect(topic));
      try {
        await (await connecting).send({ topic, messages: [...messages], acks: -1 });
      } catch (error) {
        // Another stream may already have created a new producer.
        if (this.#connecting === connecting) this.#connecting = undefined;
        await disconnect(connecting);
        throw kafkaError(error, this.#services.settings.kafka);
      }
    });
  }

  async #connect(topic: string): Promise<Producer> {
    const { admin, settings } = this.#services;
    await admin.ensureTopics([topic]);
    const producer = createKafka(settings.kafka, 'sink').producer(producerOptions);
    await producer.connect();
    return producer;
  }
}

/** Disconnects a producer. Does nothing if it could not connect. */
async function disconnect(connecting: Promise<Producer>): Promise<void> {
  await connecting.then((producer) => producer.disconnect()).catch(() => {});
}

/** Groups the messages of dead letters into requests. Truncates messages that are too large. */
export function requestsOf(deadLetters: readonly DeadLetter[]): DeadLetterMessage[][] {
  const requests: DeadLetterMessage[][] = [];
  let bytes = Infinity;
  for (const whole of deadLetters.map(deadLetterMessage)) {
    const message = sizeOf(whole) > MAX_DEAD_LETTER_BYTES - SPARE_BYTES ? truncated(whole) : whole;
    const size = sizeOf(message);
    if (bytes + size > MAX_REQUEST_BYTES) {
      requests.push([]);
      bytes = 0;
    }
    requests.at(-1)?.push(message);
    bytes += size;
  }
  return requests;
}

/** Returns the size of a message's key, value and headers in bytes, without Kafka's framing. */
export function sizeOf({ key, value, headers = {} }: Message): number {
  const texts = [...Object.keys(headers), ...Object.values(headers).flat(), key, value];
  return texts.reduce<number>((sum, text) => sum + (text ? Buffer.byteLength(text) : 0), 0);
}

function deadLetterMessage(deadLetter: DeadLetter): DeadLetterMessage {
  const { stream, topic, partition, message, schemaId, error } = deadLetter;
  return {
    key: `${stream}|sink|${partition}|${message.offset}`,
    // The value of a delete is null, which would delete the dead letter on this topic.
    value: message.value ?? Buffer.alloc(0),
    headers: {
      [deadLetterHeaders.stream]: stream,
      [deadLetterHeaders.step]: 'sink',
      [deadLetterHeaders.code]: error.code,
      [deadLetterHeaders.reason]: messageOf(error),
      [deadLetterHeaders.topic]: topic,
      [deadLetterHeaders.partition]: String(partition),
      [deadLetterHeaders.offset]: message.offset,
      [deadLetterHeaders.timestamp]: message.timestamp,
      ...(schemaId !== undefined && { [deadLetterHeaders.schemaId]: String(schemaId) }),
      ...(message.key !== null && { [deadLetterHeaders.key]: message.key }),
    },
  };
}
