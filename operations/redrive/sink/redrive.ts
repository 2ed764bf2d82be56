import type { Connections } from '../../../core/connections.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import type { Redriven, RedriveOutcome } from '../../../core/dead-letters/writer.ts';
import { IncompatibleSchemaError, ViewFailedError } from '../../../core/errors.ts';
import { serviceRetry } from '../../../core/retry.ts';
import { storageTableOf, subjectOf, topicOf } from '../../../core/stream-name.ts';
import { findMergedAway, wasMergedAway } from '../../../consumers/stream/merged-away.ts';
import { endsOf, topicIdOf } from '../../../consumers/stream/partition-logs.ts';
import { resumeOffsetsOf } from '../../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../../consumers/table/partition-rows.ts';
import { DeadLetterIndex } from '../../../consumers/stream/dead-letter-index.ts';
import { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import { StorageTable } from '../../../consumers/table/storage-table.ts';
import { byStream } from '../../dead-letters/choose.ts';
import { ReplayLock } from '../../replay/replay-lock.ts';
import type { RedriveProducer } from '../redrive-producer.ts';
import { forbiddenDeadLetters, readPlaces, type PlacesOptions } from './dead-letter-places.ts';
import { deadLettersWithRows, hasTable } from './dead-letter-rows.ts';
import { insertDeadLetter, rejectedMessage, type RedriveTarget } from './insert-dead-letters.ts';
import { WholeMessages } from './whole-messages.ts';

interface RowServices extends Connections {
  readonly producer: RedriveProducer;
}

/**
 * Maximum number of attempts per stream. An attempt is repeated if another client changes the
 * table.
 */
const MAX_ATTEMPTS = 3;
/** Rows that are inserted before the version of the table is raised, which costs an ALTER TABLE. */
const ROWS_PER_VERSION = 100;

/**
 * Inserts the rows of rejected messages, each at its own position and version, as the sink would
 * have. Inserts the row first and then marks the dead letter. If the row already exists, as after a
 * killed redrive, only marks the dead letter.
 * @param deadLetters with their values.
 * @param rejected all sink dead letters that were not redriven, chosen or not.
 * @throws ServiceUnavailableError, ServiceRefusedError, FencedError; the signal's reason.
 */
export async function* redriveRows(
  deadLetters: readonly SinkDeadLetter[],
  rejected: readonly SinkDeadLetter[],
  services: RowServices,
): AsyncGenerator<Redriven, void, undefined> {
  for (const [stream, chosen] of byStream(inTopicOrder(deadLetters))) {
    let rest = chosen;
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS && rest.length > 0; attempt++) {
        for await (const redriven of redriveStream(stream, rest, rejected, services)) {
          rest = rest.slice(1);
          yield redriven;
        }
      }
      yield* skip(rest, `other clients keep changing table ${storageTableOf(stream)}: try again later`);
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError || error instanceof ViewFailedError)) throw error;
      yield* skip(rest, error.message);
    }
  }
}

/** Ends early if another client changes the table, because the cached columns are then outdated. */
async function* redriveStream(
  stream: string,
  deadLetters: readonly SinkDeadLetter[],
  rejected: readonly SinkDeadLetter[],
  services: RowServices,
): AsyncGenerator<Redriven, void, undefined> {
  const { admin, registry, database, settings, producer, signal } = services;
  const { topicPrefix } = settings;
  const table = new StorageTable({ database, stream });
  if (!(await hasTable(database, table.name))) {
    const why = `table ${table.name} does not exist yet: the sink creates it and reads the message again`;
    yield* skip(deadLetters, why);
    return;
  }
  if (await ReplayLock.isHeld(admin, settings, stream)) {
    yield* skip(
      deadLetters,
      `${stream} is being replayed into a new table, which would lack the row: try again later`,
    );
    return;
  }
  const schemas = new StreamSchemas(registry, subjectOf(topicPrefix, stream), table, serviceRetry);
  // Like the sink, interprets earlier schemas relative to the latest one.
  await schemas.learnLatest();
  const rejectedOfStream = rejected.filter((deadLetter) => deadLetter.stream === stream);
  const places = await readPlaces(admin, settings, topicOf(topicPrefix, stream), rejectedOfStream, signal);
  // Waits for the insert of a killed redrive.
  const rows = await table.partitionRows();
  const present = await deadLettersWithRows(database, table.name, deadLetters);
  const absent = deadLetters.filter((deadLetter) => !present.has(deadLetter));
  const merged = await readMerged(services, table, rows, places);
  const forbidden = await forbiddenDeadLetters(absent, { ...places, rows, merged });
  const target = { table, schemas, topicId: topicIdOf(places.logs), signal };
  const allowed = absent.filter((deadLetter) => !forbidden.has(deadLetter));
  const messages = new WholeMessages(allowed, services);
  for (let from = 0; from < deadLetters.length; from += ROWS_PER_VERSION) {
    const chosen = deadLetters.slice(from, from + ROWS_PER_VERSION);
    const done: Redriven[] = [];
    try {
      for (const deadLetter of chosen) {
        signal.throwIfAborted();
        const why = forbidden.get(deadLetter);
        let outcome: RedriveOutcome | undefined;
        if (present.has(deadLetter)) outcome = { kind: 'redriven', how: 'its row is already in the table' };
        else if (why !== undefined) outcome = { kind: 'skipped', why };
        else outcome = await insertOne(target, deadLetter, messages);
        if (outcome === undefined) break;
        done.push({ deadLetter, outcome });
      }
    } finally {
      // Raised before the marks, so that after a kill the next redrive finds the rows and raises it
      // again.
      if (done.some(({ outcome }) => outcome.kind === 'redriven')) await table.raiseVersion();
      for (const redriven of done) {
        await producer.mark(redriven.deadLetter, redriven.outcome);
        yield redriven;
      }
    }
    if (done.length < chosen.length) return;
  }
}

async function insertOne(
  target: RedriveTarget,
  deadLetter: SinkDeadLetter,
  messages: WholeMessages,
): Promise<RedriveOutcome | undefined> {
  const { isTruncated, bytes, originalBytes } = deadLetter;
  const message = isTruncated ? await messages.take(deadLetter) : rejectedMessage(deadLetter);
  if (message !== undefined) return insertDeadLetter(target, deadLetter, message);
  const kept = bytes < originalBytes ? `the first ${bytes} of ${originalBytes} bytes` : 'part of its key';
  return {
    kind: 'skipped',
    why: `the dead letter contains only ${kept}, and its message is no longer on the topic: produce the record again`,
  };
}

/**
 * Returns, for each partition, the offset after rows that merges removed, where a sink would
 * resume.
 */
async function readMerged(
  services: RowServices,
  table: StorageTable,
  rows: TableRows,
  { logs, committed }: Pick<PlacesOptions, 'logs' | 'committed'>,
): Promise<ReadonlyMap<number, bigint>> {
  const next = await resumeOffsetsOf(rows, logs);
  const owner = { topicId: topicIdOf(logs), table: table.identity };
  const state = { table, rows, owner, next, ends: endsOf(logs), committed };
  const { resumeAt, isMerged } = await findMergedAway(state, async (spans) =>
    wasMergedAway(services, table.stream, spans, await DeadLetterIndex.read(services)),
  );
  return isMerged ? resumeAt : new Map();
}

function* skip(deadLetters: readonly SinkDeadLetter[], why: string): Generator<Redriven, void, undefined> {
  for (const deadLetter of deadLetters) yield { deadLetter, outcome: { kind: 'skipped', why } };
}

/** Sorts by stream, partition, time and offset. */
function inTopicOrder(deadLetters: readonly SinkDeadLetter[]): SinkDeadLetter[] {
  return deadLetters.toSorted(
    (a, b) =>
      (a.stream === b.stream ? 0 : a.stream < b.stream ? -1 : 1) ||
      a.partition - b.partition ||
      a.timestampMs - b.timestampMs ||
      a.offset - b.offset,
  );
}
