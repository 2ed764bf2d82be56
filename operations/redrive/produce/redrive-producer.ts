import type { Settings } from '../../../core/settings/config.ts';
import { markedLetter, type Discarding, type RedriveOutcome } from '../../../core/dead-letters/mark.ts';
import type { StoredLetter } from '../../../core/dead-letters/parse-letter.ts';
import { FencedError } from '../../../core/errors.ts';
import { deadLettersTopic } from '../../../core/stream-name.ts';
import type { TopicMessages } from '../../../producers/encode/message.ts';
import { TransactionalProducer } from '../../../producers/publish/transactional-producer.ts';

/** No stream can be called so: a redrive shuts out other redrives, and no run. */
export const DEAD_LETTERS = 'dead-letters';

/** Marks letters, and sends what they hold: mark and message are one transaction. */
export class RedriveProducer {
  readonly #producer: TransactionalProducer;
  readonly #letters: string;

  private constructor(producer: TransactionalProducer, letters: string) {
    this.#producer = producer;
    this.#letters = letters;
  }

  /** Connects, and ends whoever redrives letters of the prefix. @throws ServiceUnavailableError, ServiceRefusedError */
  static async connect(settings: Pick<Settings, 'kafka' | 'topicPrefix'>): Promise<RedriveProducer> {
    const producer = await TransactionalProducer.connect(settings, DEAD_LETTERS);
    return new RedriveProducer(producer, deadLettersTopic(settings.topicPrefix));
  }

  /**
   * Sends the letter again with its mark, and `sent` with it; nothing for a letter that is left.
   *
   * @throws FencedError when another redrive has begun; ServiceUnavailableError, ServiceRefusedError
   */
  async mark(
    letter: StoredLetter,
    outcome: RedriveOutcome | Discarding,
    sent: readonly TopicMessages[] = [],
  ): Promise<void> {
    const marked = markedLetter(letter, outcome, Date.now());
    if (marked === undefined) return;
    try {
      await this.#producer.commit([...sent, { topic: this.#letters, messages: [marked] }]);
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      throw new FencedError(
        'another redrive has begun, and takes the letters that are left: let only one run for a TOPIC_PREFIX',
        { cause: error },
      );
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}
