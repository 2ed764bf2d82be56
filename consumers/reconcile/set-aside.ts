import type { KafkaMessage } from 'kafkajs';
import { deadLetterHeaders } from '../../core/dead-letter.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { deadLettersTopic } from '../../core/stream-name.ts';
import { readTopics } from '../../core/topic-reader.ts';
import type { ReconcileServices } from './services.ts';

/** Some 60 bytes each. */
const MAX_LETTERS = 1_000_000;

/** The messages that stand on the topic of dead letters in place of a row, by where they stand: they have none by right. */
export class SetAside {
  readonly #timestamps = new Map<string, string>();

  static async read({ admin, settings, signal }: ReconcileServices): Promise<SetAside> {
    const topic = deadLettersTopic(settings.topicPrefix);
    const found = new SetAside();
    const note = (message: KafkaMessage) => found.note(message);
    await readTopics(admin, settings, new Map([[topic, note]]), signal);
    return found;
  }

  /** Takes a message of the topic of dead letters. @throws ServiceRefusedError when there are too many. */
  note({ value, headers = {} }: KafkaMessage): void {
    const text = (name: keyof typeof deadLetterHeaders) => {
      const header = headers[deadLetterHeaders[name]];
      return Buffer.isBuffer(header) || typeof header === 'string' ? header.toString() : '';
    };
    if (text('step') !== 'sink') return;
    const place = placeOf(text('topic'), text('partition'), text('offset'));
    const isRedriven = headers['state']?.toString() === 'redriven';
    if (value === null || isRedriven) this.#timestamps.delete(place);
    else this.#timestamps.set(place, text('timestamp'));
    if (this.#timestamps.size > MAX_LETTERS)
      throw new ServiceRefusedError(
        `more than ${MAX_LETTERS} dead letters wait: look at them first, npm run dead-letters -- list`,
      );
  }

  /** Of a topic that was deleted and made again, another message may stand in the place: its time differs. */
  has(topic: string, partition: number, { offset, timestamp }: KafkaMessage): boolean {
    if (this.#timestamps.size === 0) return false;
    return this.#timestamps.get(placeOf(topic, String(partition), offset)) === timestamp;
  }
}

function placeOf(topic: string, partition: string, offset: string): string {
  return `${topic}|${partition}|${offset}`;
}
