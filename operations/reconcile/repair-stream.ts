import { messageOf, ServiceRefusedError } from '../../core/errors.ts';
import { Database } from '../../core/clickhouse/database.ts';
import { several } from '../../core/terminal/amounts.ts';
import { serviceRetry } from '../../core/retry.ts';
import { storageTableOf, subjectOf, topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { StorageTable } from '../../consumers/table/storage-table.ts';
import { readTableShape, type TableColumn } from '../../consumers/table/table-shape.ts';
import { endsOf, readPartitionLogs, topicIdOf } from '../../consumers/stream/partition-logs.ts';
import { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import { standingOf } from './await-sink.ts';
import type { RepairCounts } from './comparison.ts';
import type { Repairable } from './compare-stream.ts';
import type { Difference } from './find-differences.ts';
import { insertMessages, type PlacedMessage } from './make-rows.ts';
import { isForeign, isWithin, type Ends, type Place } from './place.ts';
import { MessageSearch } from './search-messages.ts';
import type { ReconcileServices } from './services.ts';
import { deleteRows, readStoredRows } from './stored-rows.ts';

/** They are held in memory. */
export const MAX_REPAIRED_KEYS = 100_000;

const BYTES_PER_INSERT = 8 * 1024 * 1024;

/**
 * Makes the table agree with the topic in exactly these keys, and makes the views anew. What lacks is made of the topic's messages, as
 * the sink does. Nothing is inserted where the sink has still to come, since the highest offset of the table is its checkpoint.
 *
 * A row is deleted only where its place proves it wrong: the topic has another message there, or has never come to that offset. Where the
 * topic has nothing any more, compaction may have taken the row's message: such a row stays. Where message keys are not the rows' keys
 * nothing is done.
 *
 * @throws ServiceRefusedError, ServiceUnavailableError, IncompatibleSchemaError; then some may be repaired.
 */
export async function repairStream(
  services: ReconcileServices,
  stream: string,
  { key, extents, sinceMs, topicId, rowKeys, isByKey }: Repairable,
  differences: readonly Difference[],
): Promise<RepairCounts> {
  const { settings, clickhouse, registry, admin, signal } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const counts: RepairCounts = { inserted: 0, deleted: 0, left: 0, remarks: [] };
  const table = new StorageTable({
    database: new Database(clickhouse, settings.clickhouse, { signal }),
    stream,
    // What was asked for by name is not done in silence.
    replacesViews: true,
  });
  const schemas = new StreamSchemas(registry, subjectOf(settings.topicPrefix, stream), table, serviceRetry);
  const before = new Set((await columnsOf(services, stream)).map(({ name }) => name));
  // Also makes the views.
  await schemas.learnLatest();
  for (const { name } of await columnsOf(services, stream)) {
    if (before.has(name)) continue;
    counts.remarks.push(
      `column ${name} was missing and is there again, empty in the rows of before: npm run replay -- --streams ${stream} fills it`,
    );
  }
  if (differences.length === 0) return counts;
  const remedy = `npm run replay -- --streams ${stream} makes the table anew`;
  if (!isByKey) {
    counts.left = differences.length;
    counts.remarks.push(`message keys differ from the primary key: the rows are left as they are, ${remedy}`);
    return counts;
  }
  const ends = endsOf(extents);
  const stored = await readStoredRows(services, stream, key, differences, (row) =>
    isForeign(row, ends, sinceMs),
  );
  // First of all: a row to which the topic has not come hides where the table stands.
  const readEnds = async () => {
    const logs = await readPartitionLogs(services.admin, topic);
    if (topicIdOf(logs) !== topicId)
      throw new ServiceRefusedError(`topic ${topic} was made again meanwhile: run it once more`);
    return endsOf(logs);
  };
  const foreign = foreignRows(stored.wrong, await readEnds(), sinceMs);
  await deleteRows(services, stream, key, foreign);
  const standing = await standingOf(services, topic, () => table.partitionRows());
  const isPassed = ({ message }: Difference) =>
    message === undefined || message.offset < (standing.get(message.partition) ?? 0n);
  const lacking = differences.filter(
    (difference) => difference.message !== undefined && !stored.hasLast.has(difference),
  );
  const doubted = new Map<Difference, readonly Place[]>();
  for (const [difference, rows] of stored.wrong) {
    const isGone = foreign.get(difference) ?? [];
    const left = rows.filter((row) => !isGone.includes(row));
    if (left.length > 0) doubted.set(difference, left);
  }
  const search = new MessageSearch({ wanted: lacking.filter(isPassed), doubted, rowKeys });
  const insert = async (messages: readonly PlacedMessage[]) => {
    counts.inserted += await insertMessages(table, schemas, messages, topicId, signal, (placed, error) => {
      const where = `${placed.partition}/${placed.message.offset}`;
      counts.remarks.push(`message ${where} cannot become a row: ${messageOf(error)}`);
    });
  };
  const take = search.take.bind(search);
  await readTopics(admin, settings, new Map([[topic, take]]), signal, {
    afterFetch: async () => {
      if (search.bytes >= BYTES_PER_INSERT) await insert(search.fetch());
    },
  });
  await insert(search.fetch());

  // Read after the rows: a message of theirs would be before these ends.
  const endsNow = await readEnds();
  const isWrong = (row: Place) => search.hasProved(row) || !isWithin(row, endsNow);
  const wrong = new Map<Difference, readonly Place[]>();
  const unproved = new Set<Difference>();
  for (const [difference, rows] of doubted) {
    const proved = rows.filter(isWrong);
    if (proved.length > 0) wrong.set(difference, proved);
    if (proved.length < rows.length) unproved.add(difference);
  }
  await deleteRows(services, stream, key, wrong);
  if (unproved.size > 0)
    counts.remarks.push(
      `${several(unproved.size, 'key')} left: nothing proves their rows wrong, since compaction may have taken the messages in their places; ${remedy}`,
    );
  counts.deleted = new Set([...foreign.keys(), ...wrong.keys()]).size;
  const missed = lacking.filter((difference) => !search.hasSeen(difference));
  counts.left = new Set([...missed, ...unproved]).size;
  return counts;
}

/** Of rows that were read before the ends, those to which the topic had not come by then. */
function foreignRows(
  wrong: ReadonlyMap<Difference, readonly Place[]>,
  ends: Ends,
  sinceMs: bigint | undefined,
): ReadonlyMap<Difference, readonly Place[]> {
  const foreign = new Map<Difference, readonly Place[]>();
  for (const [difference, rows] of wrong) {
    const some = rows.filter((row) => isForeign(row, ends, sinceMs));
    if (some.length > 0) foreign.set(difference, some);
  }
  return foreign;
}

async function columnsOf(services: ReconcileServices, stream: string): Promise<readonly TableColumn[]> {
  const { settings, clickhouse, signal } = services;
  const database = new Database(clickhouse, settings.clickhouse, { signal });
  const shape = await readTableShape(database, storageTableOf(stream));
  return shape?.columns ?? [];
}
