import type { StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { markedDeadLetter, type Discarding, type RedriveOutcome } from '../../core/dead-letters/writer.ts';
import { FencedError } from '../../core/errors.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLettersTopic } from '../../core/stream-name.ts';
import type { TopicMessages } from '../../producers/encode/message.ts';
import { TransactionalProducer } from '../../producers/publish/transactional-producer.ts';

/** The name that redrives and discards claim. No stream can have it, so it never excludes runs. */
export const DEAD_LETTERS = 'dead-letters';

/** Marks dead letters and sends their contents in one transaction. */
export class RedriveProducer {
  readonly #producer: TransactionalProducer;
  readonly #topic: string;

  private constructor(producer: TransactionalProducer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  /** Connects and fences other redrives under the prefix. */
  static async connect(settings: Pick<Settings, 'kafka' | 'topicPrefix'>): Promise<RedriveProducer> {
    const producer = await TransactionalProducer.connect(settings, DEAD_LETTERS);
    return new RedriveProducer(producer, deadLettersTopic(settings.topicPrefix));
  }

  /**
   * Sends the dead letter with its mark, and `messages`. Sends nothing for a skipped dead letter.
   * @throws FencedError if another redrive has started; ServiceUnavailableError,
   *   ServiceRefusedError
   */
  async mark(
    deadLetter: StoredDeadLetter,
    outcome: RedriveOutcome | Discarding,
    messages: readonly TopicMessages[] = [],
  ): Promise<void> {
    const marked = markedDeadLetter(deadLetter, outcome, Date.now());
    if (marked === undefined) return;
    try {
      await this.#producer.commit([...messages, { topic: this.#topic, messages: [marked] }]);
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      throw new FencedError(
        'another redrive has started and continues with the rest: run one redrive per TOPIC_PREFIX at a time',
        { cause: error },
      );
    }
  }

  /** Closes the connection once readers see the marks. */
  async close(admin: KafkaAdmin): Promise<void> {
    await TransactionalProducer.awaitVisible(admin, [this.#producer]);
    await this.#producer.close();
  }
}
