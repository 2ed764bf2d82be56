import type { Database } from '../../core/clickhouse/database.ts';
import { messageOf, ServiceRefusedError } from '../../core/errors.ts';
import { several } from '../../core/terminal/amounts.ts';
import { serviceRetry } from '../../core/retry.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { StorageTable } from '../../consumers/table/storage-table.ts';
import { readTableShape } from '../../consumers/table/table-shape.ts';
import { endsOf, readPartitionLogs, topicIdOf } from '../../consumers/stream/partition-logs.ts';
import { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import { resumeOffsetsOf } from '../../consumers/stream/resume-offset.ts';
import type { RepairCounts } from './comparison.ts';
import type { Repairable } from './compare-stream.ts';
import type { Difference } from './find-differences.ts';
import { placesOf, type Batch } from '../../consumers/stream/batch.ts';
import { batchOf, type PlacedMessage } from '../redrive/sink/message-batch.ts';
import { isForeign, isWithin, type Place } from './place.ts';
import { MessageSearch } from './search-messages.ts';
import type { Connections } from '../../core/connections.ts';
import { deleteRows, readStoredRows } from './stored-rows.ts';

/** Maximum number of keys, because they are held in memory. */
export const MAX_REPAIRED_KEYS = 100_000;

const BYTES_PER_INSERT = 8 * 1024 * 1024;

/**
 * Repairs the table so that it agrees with the topic for exactly these keys. Also adds missing
 * columns, and recreates missing or changed views. Inserts missing rows from the topic's messages,
 * as the sink does. Inserts nothing that the sink has not passed, because the highest offset of the
 * table is the sink's checkpoint.
 *
 * Deletes a row only if its position proves it wrong: the topic has a different message there, or
 * the offset is beyond the end of the log. Keeps a row whose message may have been compacted away.
 * Inserts and deletes nothing if message keys differ from the rows' keys.
 * @throws ServiceRefusedError, ServiceUnavailableError, IncompatibleSchemaError, possibly after
 *   part of the repair
 */
export async function repairStream(
  services: Connections,
  stream: string,
  { key, extents, sinceMs, topicId, rowKeys, isByKey }: Repairable,
  differences: readonly Difference[],
): Promise<RepairCounts> {
  const { settings, database, registry, admin, signal } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const counts: RepairCounts = { inserted: 0, deleted: 0, left: 0, remarks: [] };
  // --repair replaces views that were changed by hand.
  const table = new StorageTable({ database, stream, replacesViews: true });
  const schemas = new StreamSchemas(registry, subjectOf(settings.topicPrefix, stream), table, serviceRetry);
  const before = await columnNames(database, table.name);
  // Also creates the views.
  await schemas.learnLatest();
  const added = (await columnNames(database, table.name)).filter((name) => !before.includes(name));
  for (const name of added)
    counts.remarks.push(
      `column ${name} was missing and has been added, empty in existing rows: npm run replay -- --streams ${stream} fills it`,
    );
  if (differences.length === 0) return counts;
  const remedy = `npm run replay -- --streams ${stream} rebuilds the table`;
  if (!isByKey) {
    counts.left = differences.length;
    counts.remarks.push(`message keys differ from the primary key: the rows are left unchanged; ${remedy}`);
    return counts;
  }
  const ends = endsOf(extents);
  const isBeyondLog = (row: Place) => isForeign(row, ends, sinceMs);
  const stored = await readStoredRows(services, stream, key, differences, isBeyondLog);
  const readEnds = async () => {
    const logs = await readPartitionLogs(services.admin, topic);
    if (topicIdOf(logs) !== topicId)
      throw new ServiceRefusedError(`topic ${topic} was recreated during the repair: run the repair again`);
    return endsOf(logs);
  };
  // Foreign rows are deleted first, because they hide the real resume offset.
  const currentEnds = await readEnds();
  const foreign = filterRows(stored.wrong, (row) => isForeign(row, currentEnds, sinceMs));
  // Raised before the first change, so that readers that remember offsets see the changed rows even
  // if the repair is killed.
  await table.raiseVersion();
  await deleteRows(services, stream, key, foreign);
  const rows = await table.partitionRows();
  const resumeOffsets = await resumeOffsetsOf(rows, await readPartitionLogs(admin, topic));
  const isPassed = ({ message }: Difference) =>
    message === undefined || message.offset < (resumeOffsets.get(message.partition) ?? 0n);
  const missing = differences.filter(
    (difference) => difference.message !== undefined && !stored.hasLast.has(difference),
  );
  const suspects = filterRows(stored.wrong, (row) => !isForeign(row, currentEnds, sinceMs));
  const search = new MessageSearch(missing.filter(isPassed), suspects, rowKeys);
  const insert = async (messages: readonly PlacedMessage[]) => {
    const { batch, unfit } = await batchOf(table, schemas, messages, topicId);
    if (batch.rowCount > 0) await insertBatch(table, batch, signal);
    counts.inserted += batch.rowCount;
    for (const { placed, error } of unfit) {
      const position = `${placed.partition}/${placed.message.offset}`;
      counts.remarks.push(`message ${position} cannot become a row: ${messageOf(error)}`);
    }
  };
  const add = search.add.bind(search);
  await readTopics(settings, new Map([[topic, add]]), signal, {
    afterFetch: async () => {
      if (search.bytes >= BYTES_PER_INSERT) await insert(search.take());
    },
  });
  await insert(search.take());

  // Read after the rows, so that their messages are before these ends.
  const endsNow = await readEnds();
  const isWrong = (row: Place) => search.provedWrong.has(row) || !isWithin(row, endsNow);
  const wrong = filterRows(suspects, isWrong);
  const unproved = filterRows(suspects, (row) => !isWrong(row));
  await deleteRows(services, stream, key, wrong);
  await table.raiseVersion();
  if (unproved.size > 0)
    counts.remarks.push(
      `${several(unproved.size, 'key')} left: nothing proves their rows wrong, since compaction may have removed the messages at their positions; ${remedy}`,
    );
  counts.deleted = new Set([...foreign.keys(), ...wrong.keys()]).size;
  const unseen = missing.filter((difference) => !search.seen.has(difference));
  counts.left = new Set([...unseen, ...unproved.keys()]).size;
  return counts;
}

/** Inserts the rows as one block. @throws ServiceRefusedError if the table refuses them. */
async function insertBatch(table: StorageTable, batch: Batch, signal: AbortSignal): Promise<void> {
  const bytes = batch.rows.bytes.subarray(0, batch.rows.length);
  const ranges = placesOf(batch.kept ?? [], batch.topicId);
  const token = `repair ${batch.token()}`;
  const outcome = await table.insert({ columns: batch.columns, rows: bytes, token, ranges }, signal);
  if (outcome.kind === 'refused')
    throw new ServiceRefusedError(
      `table ${table.name} refuses the rows of a repair, ${outcome.reason}: check its constraints and materialized views, then run the repair again`,
    );
}

/** Keeps the rows that match, and the differences that have such rows. */
function filterRows(
  rows: ReadonlyMap<Difference, readonly Place[]>,
  isKept: (row: Place) => boolean,
): ReadonlyMap<Difference, readonly Place[]> {
  const kept = [...rows].map(([difference, places]) => [difference, places.filter(isKept)] as const);
  return new Map(kept.filter(([, places]) => places.length > 0));
}

async function columnNames(database: Database, table: string): Promise<readonly string[]> {
  return (await readTableShape(database, table))?.columns.map(({ name }) => name) ?? [];
}
