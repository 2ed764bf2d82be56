import { readDeadLetters, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import type { Settings } from '../../core/settings/config.ts';
import { noSignal } from './settings.ts';

/** Returns all dead letters, latest first. */
export async function deadLettersOf(settings: Settings): Promise<readonly StoredDeadLetter[]> {
  const { deadLetters } = await readDeadLetters(settings, () => true, noSignal);
  return deadLetters.toSorted((a, b) => b.rejectedAtMs - a.rejectedAtMs);
}

export async function waitingOf(settings: Settings): Promise<readonly StoredDeadLetter[]> {
  return (await deadLettersOf(settings)).filter(({ state }) => state === 'waiting');
}
