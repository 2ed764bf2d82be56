import type { Connections } from '../../core/connections.ts';
import { MassDeleteError } from '../../core/errors.ts';
import { checkpointsTopic, topicOf } from '../../core/stream-name.ts';
import type { MessageHandler, readTopics } from '../../core/kafka/topic-reader.ts';
import { parseCheckpointKey } from './checkpoint.ts';
import type { KeyTable } from './key-table.ts';

/** A key on the topic that the source did not list. */
export interface Vanished {
  readonly key: string;
  /** The value of the key's last message, framed. Kept only if the delete proof requires it. */
  readonly value: Buffer | undefined;
  /**
   * The parent whose list lacked the key, if the stream is read parent by parent and the parent
   * exists.
   */
  readonly parent: string | undefined;
  readonly isParentGone: boolean;
}

interface Reading extends Pick<Connections<never>, 'settings' | 'signal'> {
  readonly readTopics: typeof readTopics;
}

/**
 * Reads the stream's topic again to find the vanished keys, because the key table only counts them.
 */
export async function findVanished(
  { settings, signal, readTopics }: Reading,
  stream: string,
  keys: KeyTable,
  isValueNeeded: boolean,
): Promise<Vanished[]> {
  const found = new Map<string, Vanished>();
  const note: MessageHandler = ({ key, value }) => {
    if (key === null || value === null || !keys.has(key) || keys.isSeen(key)) return;
    const text = key.toString('utf8');
    const kept = isValueNeeded ? Buffer.from(value) : undefined;
    found.set(text, { key: text, value: kept, parent: undefined, isParentGone: false });
  };
  await readTopics(settings, new Map([[topicOf(settings.topicPrefix, stream), note]]), signal);
  return [...found.values()];
}

/**
 * Reads the topic `checkpoints` to find parents that an earlier run visited and that no longer
 * exist.
 */
export async function findUnseenVisits(
  { settings, signal, readTopics }: Reading,
  stream: string,
  visits: KeyTable,
): Promise<string[]> {
  const parents = new Set<string>();
  const note: MessageHandler = ({ key }) => {
    const about = key === null ? undefined : parseCheckpointKey(key.toString('utf8'));
    if (about?.stream !== stream || about.kind !== 'visit') return;
    if (visits.has(about.subject) && !visits.isSeen(about.subject)) parents.add(about.subject);
  };
  await readTopics(settings, new Map([[checkpointsTopic(settings.topicPrefix), note]]), signal);
  return [...parents];
}

/**
 * Rejects the deletion of a large share of the records, because the source may have sent an
 * incomplete list. Always allows deleting a single record, unless MASS_DELETE_PERCENT is 0.
 *
 * @throws MassDeleteError
 */
export function refuseMassDelete(
  stream: string,
  vanished: number,
  live: number,
  { massDeletePercent, isMassDeleteAllowed }: { massDeletePercent: number; isMassDeleteAllowed: boolean },
): void {
  const isAlone = vanished === 1 && massDeletePercent > 0;
  const isMass = !isAlone && vanished * 100 > live * massDeletePercent;
  if (isMassDeleteAllowed || !isMass) return;
  throw new MassDeleteError(
    `${stream}: ${vanished} of ${live} records are gone from the source, more than MASS_DELETE_PERCENT (${massDeletePercent}); nothing was deleted. If this is intended, run \`npm run produce -- --streams ${stream} --allow-mass-delete\``,
  );
}
