import { messageOf, ServiceRefusedError } from '../../core/errors.ts';
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
import type { Connections } from '../../core/connections.ts';
import { deleteRows, readStoredRows } from './stored-rows.ts';

/** Maximum number of keys, because they are held in memory. */
export const MAX_REPAIRED_KEYS = 100_000;

const BYTES_PER_INSERT = 8 * 1024 * 1024;

/**
 * Repairs the table so that it agrees with the topic in exactly these keys, and recreates the
 * views. Inserts missing rows from the topic's messages, as the sink does. Inserts nothing that the
 * sink has not passed, because the highest offset of the table is the sink's checkpoint.
 *
 * Deletes a row only if its position proves it wrong: the topic has another message there, or the
 * offset is beyond the end of the log. Keeps a row whose message may have been compacted away. Does
 * nothing if message keys differ from the rows' keys.
 *
 * @throws ServiceRefusedError, ServiceUnavailableError, IncompatibleSchemaError, possibly after a
 * partial repair.
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
  const table = new StorageTable({
    database,
    stream,
    // --repair replaces views that were changed by hand.
    replacesViews: true,
  });
  const schemas = new StreamSchemas(registry, subjectOf(settings.topicPrefix, stream), table, serviceRetry);
  const before = new Set((await columnsOf(services, stream)).map(({ name }) => name));
  // Also creates the views.
  await schemas.learnLatest();
  for (const { name } of await columnsOf(services, stream)) {
    if (before.has(name)) continue;
    counts.remarks.push(
      `column ${name} was missing and has been added, empty in existing rows: npm run replay -- --streams ${stream} fills it`,
    );
  }
  if (differences.length === 0) return counts;
  const remedy = `npm run replay -- --streams ${stream} rebuilds the table`;
  if (!isByKey) {
    counts.left = differences.length;
    counts.remarks.push(`message keys differ from the primary key: the rows are left unchanged, ${remedy}`);
    return counts;
  }
  const ends = endsOf(extents);
  const stored = await readStoredRows(services, stream, key, differences, (row) =>
    isForeign(row, ends, sinceMs),
  );
  // Foreign rows come first: they hide the real resume offset.
  const readEnds = async () => {
    const logs = await readPartitionLogs(services.admin, topic);
    if (topicIdOf(logs) !== topicId)
      throw new ServiceRefusedError(`topic ${topic} was recreated during the repair: run it again`);
    return endsOf(logs);
  };
  const foreign = foreignRows(stored.wrong, await readEnds(), sinceMs);
  await deleteRows(services, stream, key, foreign);
  const standing = await standingOf(services, topic, () => table.partitionRows());
  const isPassed = ({ message }: Difference) =>
    message === undefined || message.offset < (standing.get(message.partition) ?? 0n);
  const missing = differences.filter(
    (difference) => difference.message !== undefined && !stored.hasLast.has(difference),
  );
  const suspects = new Map<Difference, readonly Place[]>();
  for (const [difference, rows] of stored.wrong) {
    const isGone = foreign.get(difference) ?? [];
    const left = rows.filter((row) => !isGone.includes(row));
    if (left.length > 0) suspects.set(difference, left);
  }
  const search = new MessageSearch({ needed: missing.filter(isPassed), suspects, rowKeys });
  const insert = async (messages: readonly PlacedMessage[]) => {
    const { inserted, unfit } = await insertMessages(table, schemas, messages, topicId, signal);
    counts.inserted += inserted;
    for (const { placed, error } of unfit) {
      const position = `${placed.partition}/${placed.message.offset}`;
      counts.remarks.push(`message ${position} cannot become a row: ${messageOf(error)}`);
    }
  };
  const add = search.add.bind(search);
  await readTopics(admin, settings, new Map([[topic, add]]), signal, {
    afterFetch: async () => {
      if (search.bytes >= BYTES_PER_INSERT) await insert(search.fetch());
    },
  });
  await insert(search.fetch());

  // Read after the rows, so that their messages are before these ends.
  const endsNow = await readEnds();
  const isWrong = (row: Place) => search.hasProved(row) || !isWithin(row, endsNow);
  const wrong = new Map<Difference, readonly Place[]>();
  const unproved = new Set<Difference>();
  for (const [difference, rows] of suspects) {
    const proved = rows.filter(isWrong);
    if (proved.length > 0) wrong.set(difference, proved);
    if (proved.length < rows.length) unproved.add(difference);
  }
  await deleteRows(services, stream, key, wrong);
  if (unproved.size > 0)
    counts.remarks.push(
      `${several(unproved.size, 'key')} left: nothing proves their rows wrong, since compaction may have removed the messages at their positions; ${remedy}`,
    );
  counts.deleted = new Set([...foreign.keys(), ...wrong.keys()]).size;
  const unseen = missing.filter((difference) => !search.hasSeen(difference));
  counts.left = new Set([...unseen, ...unproved]).size;
  return counts;
}

/** Returns the rows, read before the ends, that are beyond the end of the log. */
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

async function columnsOf(services: Connections, stream: string): Promise<readonly TableColumn[]> {
  const { database } = services;
  const shape = await readTableShape(database, storageTableOf(stream));
  return shape?.columns ?? [];
}
