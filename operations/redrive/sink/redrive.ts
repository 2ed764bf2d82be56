import type { Admin } from 'kafkajs';
import type { Registry } from '../../../core/avro/registry.ts';
import type { ClickHouseClient } from '../../../core/clickhouse/client.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { byStream } from '../../../core/dead-letters/choice.ts';
import type { SinkLetter } from '../../../core/dead-letters/parse-letter.ts';
import type { Redriven, RedriveOutcome } from '../../../core/dead-letters/mark.ts';
import { IncompatibleSchemaError, ViewFailedError } from '../../../core/errors.ts';
import { serviceRetry } from '../../../core/retry.ts';
import { storageTableOf, subjectOf, topicOf } from '../../../core/stream-name.ts';
import { StorageTable } from '../../../consumers/table/storage-table.ts';
import { LetterInserter } from './insert-letters.ts';
import { forbiddenLetters, readPlaces, type PlacesOptions } from './letter-places.ts';
import { hasTable, lettersWithRows } from './letter-rows.ts';
import { findMergedAway, wasMergedAway } from '../../../consumers/stream/merged-away.ts';
import { endsOf, topicIdOf } from '../../../consumers/stream/partition-logs.ts';
import { ReplayLock } from '../../replay/replay-lock.ts';
import { resumeOffset } from '../../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../../consumers/table/partition-rows.ts';
import { SetAside } from '../../../consumers/stream/set-aside.ts';
import { StreamSchemas } from '../../../consumers/stream/stream-schemas.ts';
import { WholeMessages } from './whole-messages.ts';

export interface RowServices {
  readonly admin: Admin;
  readonly registry: Registry;
  readonly clickhouse: ClickHouseClient;
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Marks a letter; returns when Kafka has it. */
  readonly mark: (letter: SinkLetter, outcome: RedriveOutcome) => Promise<void>;
}

/** How often the table is looked at again after it was changed by somebody else. */
const MAX_LOOKS = 3;

/**
 * Makes rows of the messages that the letters hold, each as the sink would have: at its own place and version. A letter whose row is
 * there already, as after a redrive that was killed, is only marked; the row comes first, then the mark.
 *
 * @param letters with their values.
 * @param waiting all sink letters that wait, chosen or not.
 * @throws ServiceUnavailableError, ServiceRefusedError, what `mark` throws; the signal's reason.
 */
export async function* redriveRows(
  letters: readonly SinkLetter[],
  waiting: readonly SinkLetter[],
  services: RowServices,
): AsyncGenerator<Redriven, void, undefined> {
  for (const [stream, chosen] of byStream(inOrder(letters))) {
    let left = chosen;
    try {
      for (let look = 0; look < MAX_LOOKS && left.length > 0; look++) {
        for await (const redriven of redriveStream(stream, left, waiting, services)) {
          left = left.slice(1);
          yield redriven;
        }
      }
      yield* leave(left, `table ${storageTableOf(stream)} is changed again and again: try later`);
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError || error instanceof ViewFailedError)) throw error;
      yield* leave(left, error.message);
    }
  }
}

/** Ends early when the table is changed by somebody else: then what is known of it is not worth anything. */
async function* redriveStream(
  stream: string,
  letters: readonly SinkLetter[],
  waiting: readonly SinkLetter[],
  services: RowServices,
): AsyncGenerator<Redriven, void, undefined> {
  const { admin, registry, clickhouse, settings, signal, mark } = services;
  const { clickhouse: target, topicPrefix } = settings;
  const table = new StorageTable({
    client: clickhouse,
    settings: target,
    stream,
    signal,
    policy: serviceRetry,
  });
  if (!(await hasTable(clickhouse, target, table.name, signal))) {
    yield* leave(
      letters,
      `there is no table ${table.name} yet: the sink makes it, and takes the message again`,
    );
    return;
  }
  if (await ReplayLock.isHeld(admin, settings, stream, signal)) {
    yield* leave(
      letters,
      `${stream} is being replayed into a new table, which would lack the row: try later`,
    );
    return;
  }
  const schemas = new StreamSchemas(registry, subjectOf(topicPrefix, stream), table, serviceRetry);
  // As the sink does: older schemas are told from the latest by it.
  await schemas.learnLatest();
  const ofStream = waiting.filter((letter) => letter.stream === stream);
  const places = await readPlaces(admin, settings, topicOf(topicPrefix, stream), ofStream, signal);
  // Waits for the insert of a redrive that was killed.
  const rows = await table.partitionRows();
  const present = await lettersWithRows(clickhouse, target, table.name, letters, signal);
  const absent = letters.filter((letter) => !present.has(letter));
  const merged = await readMerged(services, table, rows, places);
  const forbidden = await forbiddenLetters(absent, { ...places, rows, merged });
  const inserter = new LetterInserter(table, schemas, topicIdOf(places.logs), signal);
  const messages = new WholeMessages(
    absent.filter((letter) => !forbidden.has(letter)),
    admin,
    settings,
    signal,
  );
  const redriveOne = async (letter: SinkLetter): Promise<RedriveOutcome | undefined> => {
    const message = letter.isTruncated ? await messages.take(letter) : undefined;
    if (message !== undefined || !letter.isTruncated) return inserter.insert(letter, message);
    const { bytes, wholeBytes } = letter;
    const holds = bytes < wholeBytes ? `the first ${bytes} of ${wholeBytes} bytes` : 'a part of its key';
    return {
      kind: 'left',
      why: `the letter holds ${holds}, and its message is no longer on the topic: produce the record again`,
    };
  };
  for (const letter of letters) {
    signal.throwIfAborted();
    const why = forbidden.get(letter);
    let outcome: RedriveOutcome | undefined;
    if (present.has(letter)) outcome = { kind: 'redriven', how: 'its row is in the table already' };
    else if (why !== undefined) outcome = { kind: 'left', why };
    else outcome = await redriveOne(letter);
    if (outcome === undefined) return;
    await mark(letter, outcome);
    yield { letter, outcome };
  }
}

/** By partition, where a starting sink would resume behind rows that merges removed. */
async function readMerged(
  services: RowServices,
  table: StorageTable,
  rows: TableRows,
  { logs, committed }: Pick<PlacesOptions, 'logs' | 'committed'>,
): Promise<ReadonlyMap<number, bigint>> {
  const next = new Map<number, bigint>();
  for (const [partition, log] of logs) next.set(partition, await resumeOffset(rows, partition, log));
  const owner = { topicId: topicIdOf(logs), table: table.identity };
  const standings = { table, rows, owner, next, ends: endsOf(logs), committed };
  const { behind, isMerged } = await findMergedAway(standings, async (spans) =>
    wasMergedAway(services, table.stream, spans, await SetAside.read(services)),
  );
  return isMerged ? behind : new Map();
}

function* leave(letters: readonly SinkLetter[], why: string): Generator<Redriven, void, undefined> {
  for (const letter of letters) yield { letter, outcome: { kind: 'left', why } };
}

/** As the messages stand on their topics. */
function inOrder(letters: readonly SinkLetter[]): SinkLetter[] {
  return letters.toSorted(
    (a, b) =>
      compare(a.stream, b.stream) ||
      a.partition - b.partition ||
      a.timestampMs - b.timestampMs ||
      a.offset - b.offset,
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
