import type { Connections } from '../../core/connections.ts';
import { Registry } from '../../core/avro/registry.ts';
import { readDeadLetters, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { notOneOf } from '../../core/settings/setting-values.ts';
import { streamOfTopic } from '../../core/stream-name.ts';
import { knownStreams } from '../../producers/chartmogul/known-streams.ts';
import { findDeadLetter, hasPrefixOf, matchesFilter, type DeadLetterFilter } from './choose.ts';
import { readContent, type DeadLetterContent } from './content.ts';

/**
 * Returns the matching dead letters, newest first, and the number of messages on the topic that are
 * not dead letters.
 */
export async function listDeadLetters(
  services: Connections<'admin'>,
  filter: DeadLetterFilter,
): Promise<{ readonly deadLetters: readonly StoredDeadLetter[]; readonly others: number }> {
  const { settings, signal } = services;
  const { deadLetters, others } = await readDeadLetters(settings, () => false, signal);
  await checkStreams(services, filter, deadLetters);
  const matching = deadLetters
    .filter((deadLetter) => matchesFilter(deadLetter, filter))
    .sort((a, b) => b.rejectedAtMs - a.rejectedAtMs || a.id.localeCompare(b.id));
  return { deadLetters: matching, others };
}

/** Returns the dead letter whose id has this prefix, with its value and decoded content. */
export async function showDeadLetter(
  { settings, signal }: Connections<never>,
  idPrefix: string,
): Promise<{ deadLetter: StoredDeadLetter; value: Buffer; content: DeadLetterContent }> {
  const isChosen = (deadLetter: StoredDeadLetter) => deadLetter.id.startsWith(idPrefix);
  const { deadLetters } = await readDeadLetters(settings, isChosen, signal);
  const deadLetter = findDeadLetter(deadLetters, idPrefix);
  const value = deadLetter.value ?? Buffer.alloc(0);
  const content = await readContent(deadLetter, value, new Registry(settings.schemaRegistry, signal));
  return { deadLetter, value, content };
}

/** Selects dead letters by the first digits of their ids, or by a filter. */
export type Selection = { readonly idPrefixes: readonly string[] } | { readonly filter: DeadLetterFilter };

/** Dead letters without their values. */
export interface Choice {
  readonly chosen: readonly StoredDeadLetter[];
  /** Selected dead letters that are not chosen, because they were already redriven or discarded. */
  readonly settled: readonly StoredDeadLetter[];
  readonly all: readonly StoredDeadLetter[];
}

/**
 * Finds the dead letters to redrive or discard.
 * @param reopensDiscarded allows choosing a discarded dead letter again by its id.
 * @throws ConfigError for an unknown stream, or for an id prefix that does not match exactly one
 *   dead letter.
 */
export async function chooseDeadLetters(
  services: Connections<'admin'>,
  selection: Selection,
  reopensDiscarded: boolean,
): Promise<Choice> {
  const { settings, signal } = services;
  const { deadLetters: all } = await readDeadLetters(settings, () => false, signal);
  if ('filter' in selection) await checkStreams(services, selection.filter, all);
  const selected =
    'filter' in selection
      ? all.filter((deadLetter) => matchesFilter(deadLetter, selection.filter))
      : byIdPrefixes(all, selection.idPrefixes);
  const isOpen = ({ state }: StoredDeadLetter) =>
    state === 'waiting' || (reopensDiscarded && state === 'discarded');
  const settled = selected.filter((deadLetter) => !isOpen(deadLetter));
  return { chosen: selected.filter(isOpen), settled, all };
}

/** Returns one dead letter for each prefix. @throws ConfigError unless exactly one matches. */
function byIdPrefixes(all: readonly StoredDeadLetter[], prefixes: readonly string[]): StoredDeadLetter[] {
  const isCandidate = hasPrefixOf(prefixes);
  const candidates = all.filter(({ id }) => isCandidate(id));
  const byId = new Map(candidates.map((deadLetter) => [deadLetter.id, deadLetter]));
  return [...new Set(prefixes.map((prefix) => byId.get(prefix) ?? findDeadLetter(candidates, prefix)))];
}

/** Checks that each stream occurs in the settings, topics or dead letters. @throws ConfigError */
async function checkStreams(
  { admin, settings }: Connections<'admin'>,
  { streams = [] }: DeadLetterFilter,
  deadLetters: readonly StoredDeadLetter[],
): Promise<void> {
  if (streams.length === 0) return;
  const topics = await admin.listTopics();
  const known = new Set([
    ...knownStreams(settings).map(({ name }) => name),
    ...topics.flatMap((topic) => streamOfTopic(settings.topicPrefix, topic) ?? []),
    ...deadLetters.map(({ stream }) => stream),
  ]);
  const unknown = streams.find((stream) => !known.has(stream));
  if (unknown !== undefined) throw notOneOf('--streams', unknown, [...known].sort());
}
