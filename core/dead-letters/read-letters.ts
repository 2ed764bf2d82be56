import type { Admin, KafkaMessage } from 'kafkajs';
import type { Settings } from '../settings/config.ts';
import { parseLetter, type StoredLetter } from './parse-letter.ts';
import { deadLettersTopic } from '../stream-name.ts';
import { readTopics } from '../kafka/topic-reader.ts';

/** What stands on the topic of dead letters. */
export interface LettersRead {
  /** Of each key the latest. */
  readonly letters: readonly StoredLetter[];
  /** Messages that are no letters of this prefix. */
  readonly others: number;
}

/**
 * Reads all letters, which take about 2 kB each without their values; none where the topic is not there.
 *
 * @param wantsValue for which of them the value is kept.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function readLetters(
  admin: Admin,
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  wantsValue: (letter: StoredLetter) => boolean,
  signal: AbortSignal,
): Promise<LettersRead> {
  const { topicPrefix } = settings;
  const latest = new Map<string, StoredLetter | undefined>();
  let keyless = 0;
  const handle = (message: KafkaMessage) => {
    const { key, value } = message;
    if (key === null) {
      keyless++;
      return;
    }
    // A byte a character: other writers' keys may be no text.
    const place = key.toString('latin1');
    // Someone else's way to take a letter away.
    if (value === null) latest.delete(place);
    else {
      const letter = parseLetter(message, topicPrefix);
      // A copy: the original would keep the whole fetch.
      latest.set(place, letter && wantsValue(letter) ? { ...letter, value: Buffer.from(value) } : letter);
    }
  };
  await readTopics(admin, settings, new Map([[deadLettersTopic(topicPrefix), handle]]), signal);
  const letters = [...latest.values()].filter((letter) => letter !== undefined);
  return { letters, others: keyless + latest.size - letters.length };
}
