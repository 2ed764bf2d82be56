import { MassDeleteError } from '../../core/errors.ts';
import { checkpointsTopic } from '../../core/stream-name.ts';
import { logger } from '../../core/logger.ts';
import { prove, type Verdict } from '../state/delete-proof.ts';
import { findUnseenVisits, findVanished, refuseMassDelete, type Vanished } from '../state/vanished.ts';
import type { CheckpointTracker } from '../state/checkpoint-tracker.ts';
import { missingMessage, visitMessage } from '../state/checkpoint.ts';
import type { RequestObserver } from '../chartmogul/client.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { bytesOf, messageHeaders, type Message } from '../encode/message.ts';
import type { RunContext } from './run-context.ts';
import type { StreamState } from '../state/read-back.ts';
import type { StreamCounts } from '../report/stream-counts.ts';
import type { TransactionalProducer } from '../publish/transactional-producer.ts';
import type { Visits } from './visits.ts';

const DELETES_PER_TRANSACTION = 5_000;

export interface DeleteOptions {
  readonly context: RunContext;
  readonly spec: StreamSpec;
  readonly state: StreamState;
  readonly producer: TransactionalProducer;
  readonly counts: StreamCounts;
  readonly observer: RequestObserver;
  readonly tracker: CheckpointTracker;
  /** Set if the stream is read parent by parent. */
  readonly visits: Visits | undefined;
}

/**
 * Ends a run that has read everything. Sends a tombstone for each key that is proved to be gone,
 * records the other missing keys, and completes the checkpoint.
 *
 * @throws MassDeleteError, and the errors of reading and committing.
 */
export async function sendDeletes(options: DeleteOptions): Promise<void> {
  const { context, spec, state, producer, counts, tracker } = options;
  // A run that resumed another has not seen all pages, so it does not know the missing keys.
  const isDecidable = spec.deletes.proof !== 'none' && (!counts.isResumed || options.visits !== undefined);
  const topic = checkpointsTopic(context.settings.topicPrefix);
  const { tombstones, checkpoints } = isDecidable
    ? await findDeletes(options).catch(async (error: unknown) => {
        // Completes this run, because a run that resumed it could not tell which keys two runs have
        // missed.
        if (error instanceof MassDeleteError && spec.deletes.proof === 'twice')
          await producer.commit([{ topic, messages: tracker.complete() }]);
        throw error;
      })
    : forgetMissing(options);
  for (let start = 0; start < tombstones.length; start += DELETES_PER_TRANSACTION) {
    const messages = tombstones.slice(start, start + DELETES_PER_TRANSACTION);
    await producer.commit([{ topic: counts.topic, messages }]);
    // Child streams use these keys to find out which of their parents still exist.
    for (const { key } of messages) state.keys.delete(key);
    counts.deleted += messages.length;
    counts.messages += messages.length;
    counts.bytes += messages.reduce((bytes, message) => bytes + bytesOf(message), 0);
  }
  await producer.commit([{ topic, messages: [...checkpoints, ...tracker.complete()] }]);
}

type Deletes = Readonly<Record<'tombstones' | 'checkpoints', readonly Message[]>>;

/**
 * Forgets the missing keys: two consecutive complete runs must miss a key, and this run has not
 * seen all pages.
 */
function forgetMissing({ spec, state }: DeleteOptions): Deletes {
  const checkpoints = [...state.missing].map((key) => missingMessage(spec.name, key, false));
  return { tombstones: [], checkpoints };
}

async function findDeletes(options: DeleteOptions): Promise<Deletes> {
  const { context, spec, state, counts, observer, visits } = options;
  const { settings, client, registry } = context;
  const { keys, missing } = state;
  const vanished = visits === undefined ? await findUnseen(options) : visits.vanished();
  const { massDeletePercent } = settings.produce;
  // A stream with a single record can lose only earlier forms of that record.
  const isMassDeleteAllowed = context.options.isMassDeleteAllowed || spec.deletes.proof === 'single';
  const refuseMany = (count: number) =>
    refuseMassDelete(spec.name, count, keys.size, { massDeletePercent, isMassDeleteAllowed });
  // If two runs must miss a key, the first may miss any number, because it deletes none of them.
  if (spec.deletes.proof !== 'twice') refuseMany(vanished.length);
  // An interrupted run may have seen any of these keys.
  const missedBefore = counts.isResumed ? new Set<string>() : missing;
  const verdicts = await prove(spec.deletes, vanished, { client, registry, observer, missing: missedBefore });
  const gone = verdicts.filter(({ verdict }) => verdict === 'gone');
  refuseMany(gone.length);
  logVerdicts(spec.name, verdicts);
  const undecided = verdicts.flatMap(({ verdict, parent }) => (verdict === 'missing' ? (parent ?? []) : []));
  return {
    tombstones: gone.map(tombstone),
    checkpoints: [
      ...missingMessages(spec.name, verdicts, missing, (key) => counts.isResumed || keys.isSeen(key)),
      ...(visits?.messages(new Set(undecided)) ?? []),
      ...(visits === undefined ? [] : await forgetGoneParents(options)),
    ],
  };
}

async function findUnseen({ context, spec, state: { keys } }: DeleteOptions): Promise<Vanished[]> {
  // An earlier form of the only record is deleted only after the record itself has been read.
  const isNoneSeen = spec.deletes.proof === 'single' && keys.unseen === keys.size;
  if (keys.unseen === 0 || isNoneSeen) return [];
  const isValueNeeded = spec.deletes.proof === 'look-up' && spec.deletes.mergedInto !== undefined;
  return findVanished(context, spec.name, keys, isValueNeeded);
}

/** Returns the tombstones for visits to parents that no longer exist. */
async function forgetGoneParents({ context, spec, state, visits: ofRun }: DeleteOptions): Promise<Message[]> {
  const { visits } = state;
  for (const parent of ofRun?.living ?? []) visits.see(parent);
  if (visits.unseen === 0) return [];
  const gone = await findUnseenVisits(context, spec.name, visits);
  return gone.map((parent) => visitMessage(spec.name, parent, null));
}

function tombstone({ key, mergedInto }: Verdict): Message {
  const headers = mergedInto !== undefined && { headers: { [messageHeaders.mergedInto]: mergedInto } };
  return { key, value: null, ...headers };
}

/**
 * Returns messages that record keys as missing, and tombstones for keys that are no longer missing.
 */
function missingMessages(
  stream: string,
  verdicts: readonly Verdict[],
  missing: ReadonlySet<string>,
  isMaybeSeen: (key: string) => boolean,
): Message[] {
  const messages: Message[] = [];
  const decided = new Set(verdicts.map(({ key }) => key));
  for (const { key, verdict } of verdicts) {
    if (verdict === 'missing') messages.push(missingMessage(stream, key, true));
    else if (missing.has(key)) messages.push(missingMessage(stream, key, false));
  }
  for (const key of missing)
    if (!decided.has(key) && isMaybeSeen(key)) messages.push(missingMessage(stream, key, false));
  return messages;
}

function logVerdicts(stream: string, verdicts: readonly Verdict[]): void {
  const count = (kind: Verdict['verdict']) => verdicts.filter(({ verdict }) => verdict === kind).length;
  const merged = verdicts.filter(({ mergedInto }) => mergedInto !== undefined).length;
  if (verdicts.length === 0) return;
  logger.info(
    { stream, gone: count('gone'), merged, missing: count('missing'), there: count('there') },
    'records that the source did not list',
  );
}
