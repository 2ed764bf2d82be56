import { messageOf } from '../../core/errors.ts';
import { serviceRetry } from '../../core/retry.ts';
import { storageTableOf, subjectOf, topicOf } from '../../core/stream-name.ts';
import { readTopics } from '../../core/topic-reader.ts';
import { StorageTable } from '../clickhouse/storage-table.ts';
import { readTableShape, type TableColumn } from '../clickhouse/table-shape.ts';
import { endsOf, readPartitionLogs, topicIdOf } from '../partition-logs.ts';
import { StreamSchemas } from '../stream-schemas.ts';
import { standingOf } from './await-sink.ts';
import type { RepairCounts } from './comparison.ts';
import type { Repairable } from './compare-stream.ts';
import type { Difference } from './find-differences.ts';
import { isByPosition } from './key-sql.ts';
import { insertMessages, type PlacedMessage } from './make-rows.ts';
import { isForeign, type Place } from './place.ts';
import { MessageSearch } from './search-messages.ts';
import { askAdmin, tried, type ReconcileServices } from './services.ts';
import { deleteRows, readStoredRows } from './stored-rows.ts';

/** They are held in memory. */
export const MAX_REPAIRED_KEYS = 100_000;

const BYTES_PER_INSERT = 8 * 1024 * 1024;

/**
 * Makes the table agree with the topic in exactly these keys, and makes the views anew. What lacks is made of the topic's messages, as
 * the sink does, and what is too much is deleted. Nothing is inserted where the sink has still to come, since the highest offset of the
 * table is its checkpoint; and keys of which a message came since they were compared are left to it.
 *
 * @throws ServiceRefusedError, ServiceUnavailableError, IncompatibleSchemaError; then some may be repaired.
 */
export async function repairStream(
  services: ReconcileServices,
  stream: string,
  { key, extents, sinceMs }: Repairable,
  differences: readonly Difference[],
): Promise<RepairCounts> {
  const { settings, clickhouse, registry, admin, signal } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const counts: RepairCounts = { inserted: 0, deleted: 0, left: 0, remarks: [] };
  const table = new StorageTable({
    client: clickhouse,
    settings: settings.clickhouse,
    stream,
    signal,
    policy: serviceRetry,
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
  const ends = endsOf(extents);
  const stored = await readStoredRows(
    services,
    stream,
    key,
    differences.filter(({ parts }) => parts.length > 0),
    (row) => isForeign(row, ends, sinceMs),
  );
  // First of all: a row to which the topic has not come hides where the table stands.
  const foreign = await foreignRows(services, topic, stored.wrong, sinceMs);
  await deleteRows(services, stream, key, foreign);
  const standing = await standingOf(services, topic, () => table.partitionRows());
  const isPassed = ({ message }: Difference) =>
    message === undefined || message.offset < (standing.get(message.partition) ?? 0n);
  const passed = differences.filter(isPassed);
  const search = new MessageSearch(passed, {
    isThere: stored.hasLast,
    wrong: stored.wrong,
    isByPosition: isByPosition(key.map(({ name }) => name)),
  });
  const topicId = topicIdOf(await readPartitionLogs(askAdmin(services), topic));
  const insert = async (messages: readonly PlacedMessage[]) => {
    counts.inserted += await insertMessages(table, schemas, messages, topicId, signal, (placed, error) => {
      const where = `${placed.partition}/${placed.message.offset}`;
      counts.remarks.push(`message ${where} cannot become a row: ${messageOf(error)}`);
    });
  };
  const take = search.take.bind(search);
  await readTopics(admin, settings, new Map([[topic, take]]), signal, async () => {
    if (search.bytes >= BYTES_PER_INSERT) await insert(search.fetch());
  });
  await insert(search.fetch());

  const keyedOtherwise = passed.filter((difference) => search.isKeyedOtherwise(difference));
  if (keyedOtherwise.length > 0)
    counts.remarks.push(
      `${keyedOtherwise.length} keys are left: messages have other keys than the text of their rows' primary key, and cannot be compared by it`,
    );
  const settled = passed.filter(
    (difference) => !search.hasMoved(difference) && !search.isKeyedOtherwise(difference),
  );
  const logs = await readPartitionLogs(askAdmin(services), topic);
  const isOfSink = ({ partition, offset }: Place) => {
    const extent = extents.get(partition);
    return extent !== undefined && offset >= extent.end && offset < (logs.get(partition)?.end ?? 0n);
  };
  const wrong = new Map<Difference, readonly Place[]>();
  for (const difference of settled) {
    const isGone = foreign.get(difference) ?? [];
    const rows = (stored.wrong.get(difference) ?? []).filter((row) => !isGone.includes(row));
    if (rows.length > 0 && !rows.some(isOfSink)) wrong.set(difference, rows);
  }
  await deleteRows(services, stream, key, wrong);
  counts.deleted = new Set([...foreign.keys(), ...wrong.keys()]).size;
  counts.left = differences.length - settled.length;
  return counts;
}

/** Of rows that were read before, those to which the topic has not come by now. */
async function foreignRows(
  services: ReconcileServices,
  topic: string,
  wrong: ReadonlyMap<Difference, readonly Place[]>,
  sinceMs: bigint | undefined,
): Promise<ReadonlyMap<Difference, readonly Place[]>> {
  const ends = endsOf(await readPartitionLogs(askAdmin(services), topic));
  const foreign = new Map<Difference, readonly Place[]>();
  for (const [difference, rows] of wrong) {
    const some = rows.filter((row) => isForeign(row, ends, sinceMs));
    if (some.length > 0) foreign.set(difference, some);
  }
  return foreign;
}

async function columnsOf(services: ReconcileServices, stream: string): Promise<readonly TableColumn[]> {
  const { settings, clickhouse, signal } = services;
  const table = storageTableOf(stream);
  const shape = await tried(services, `columns of ${table}`, () =>
    readTableShape(clickhouse, settings.clickhouse.database, table, signal),
  );
  return shape?.columns ?? [];
}
