import type { DifferenceKind } from './comparison.ts';
import { partsLiteral } from '../../consumers/table/key-sql.ts';
import { foreignSql, isForeign, type Ends, type Place } from './place.ts';
import type { Extent } from './project-topic.ts';
import type { Connections } from '../../core/connections.ts';
import { rejectedSql } from './side-table.ts';

const MIN_BUCKETS = 64;
const MAX_BUCKETS = 65_536;
const KEYS_PER_BUCKET = 4_096;
/** Maximum number of keys that the server holds in memory at a time, unless one bucket has more. */
const KEYS_AT_A_TIME = 500_000;

/** A key whose last message and last row differ. */
export interface Difference {
  /** The parts of the key, joined by `|`. */
  readonly key: string;
  readonly kind: DifferenceKind;
  /** Last message of the key; undefined if the topic has none. */
  readonly message: Place | undefined;
  readonly parts: readonly string[];
}

export interface Sides {
  /** The storage table. */
  readonly table: string;
  /** The side table. */
  readonly side: string;
  /** SQL for the parts of a key, which is the same for both tables. */
  readonly keyParts: string;
  readonly extents: ReadonlyMap<number, Extent>;
  /** Broker time of the topic's first message in ms; undefined without broker times or messages. */
  readonly sinceMs: bigint | undefined;
  /**
   * Whether a row without a message is not a difference, because compaction may have removed the
   * message.
   */
  readonly mayLackMessages: boolean;
  /**
   * Whether every message key equals its row's key. Otherwise compaction, which uses message keys,
   * may have removed the last message of a row, and only a message later than its row proves a
   * difference.
   */
  readonly isByKey: boolean;
}

/** UInt8 value of a condition. */
type Flag = 0 | 1;

/**
 * Compares sums over buckets of keys. Returns the number of live keys on the topic, and the buckets
 * that differ, in groups for {@link findDifferences}.
 */
export async function compareBuckets(
  services: Connections,
  sides: Sides,
): Promise<{ keys: number; buckets: number; differing: readonly (readonly number[])[] }> {
  const doing = `sums of ${sides.table}`;
  const sizeQuery = `SELECT toString(count()) AS n FROM ${sides.side}`;
  const [size] = await services.database.allRows<{ n: string }>(doing, sizeQuery);
  const ideal = Math.ceil(Number(size?.n ?? 0) / KEYS_PER_BUCKET);
  const buckets = Math.min(MAX_BUCKETS, Math.max(MIN_BUCKETS, ideal));
  const { keyParts } = sides;
  const sums = (from: string, side: 0 | 1) =>
    `SELECT cityHash64(${keyParts}) % ${buckets} AS bucket, ${side} AS side, ` +
    `cityHash64(${keyParts}, _version, _partition, _offset, toUnixTimestamp64Milli(_timestamp)) AS hash FROM ${from}`;
  const rows = await services.database.allRows<{
    bucket: string;
    messages: string;
    rows: string;
    same: Flag;
  }>(
    doing,
    `SELECT toString(bucket) AS bucket, toString(countIf(side = 0)) AS messages, toString(countIf(side = 1)) AS rows, ` +
      `sumIf(hash, side = 0) = sumIf(hash, side = 1) AS same FROM (` +
      `${sums(`${sides.side} FINAL WHERE ${rejectedSql} = 0`, 0)} UNION ALL ` +
      `${sums(`${sides.table} FINAL`, 1)}) GROUP BY bucket`,
  );
  let keys = 0;
  const differing: number[][] = [];
  let inChunk = Infinity;
  for (const { bucket, messages, rows: stored, same } of rows) {
    keys += Number(messages);
    if (messages === stored && same === 1) continue;
    const more = Number(messages) + Number(stored);
    if (inChunk + more > KEYS_AT_A_TIME) {
      differing.push([]);
      inChunk = 0;
    }
    differing.at(-1)?.push(Number(bucket));
    inChunk += more;
  }
  return { keys, buckets, differing };
}

type PlaceText = readonly [version: string, partition: number, offset: string];

interface FoundKey {
  readonly parts: readonly string[];
  readonly isOnTopic: Flag;
  readonly isLive: Flag;
  readonly isStored: Flag;
  readonly message: PlaceText;
  readonly row: PlaceText;
  readonly isOlder: Flag;
  readonly newest: readonly [partition: number, offset: string];
  readonly isNewer: Flag;
  readonly isRejected: Flag;
  /**
   * The last row belongs to a dead letter, for example after a replay into a table that accepts it.
   */
  readonly isDeadLetterRow: Flag;
}

/**
 * Yields the keys in these buckets whose last message and last row differ. Omits rows of messages
 * that arrived after the topic was read, rows of dead letters, and rows whose messages the topic
 * may legitimately lack, such as those from before its start.
 * @param readEnds returns the current end offsets. Called after the server has read the table.
 */
export async function* findDifferences(
  services: Connections,
  sides: Sides,
  buckets: number,
  some: readonly number[],
  readEnds: () => Promise<Ends>,
): AsyncIterable<Difference> {
  const within = `cityHash64(${sides.keyParts}) % ${buckets} IN (${some.join(', ')})`;
  const query = `${keysSql(sides, within)} WHERE ${DIFFERS}`;
  const rows = await services.database.rowStream<FoundKey>(`differences of ${sides.table}`, query);
  const ends = await readEnds();
  for await (const found of rows) {
    const [partition, offset] = found.newest;
    const isNewer = found.isNewer === 1 && BigInt(offset) < (ends.get(partition) ?? 0n);
    if (!isNewer && found.isDeadLetterRow === 0 && !isBeyond(found, sides, ends))
      yield differenceOf(found, kindOf(found));
  }
}

/**
 * Yields keys that agree although the table has rows for them beyond the end of the log. Later rows
 * hide these from readers, but a sink resumes after the highest offset.
 */
export async function* findHiddenStrays(
  services: Connections,
  sides: Sides,
  readEnds: () => Promise<Ends>,
): AsyncIterable<Difference> {
  const { table, keyParts, sinceMs } = sides;
  if (sinceMs === undefined) return;
  const doing = `strays of ${table}`;
  const place = placeText('(_version, _partition, _offset)');
  const rows = await services.database.rowStream<{ parts: readonly string[]; places: readonly PlaceText[] }>(
    doing,
    `SELECT ${keyParts} AS parts, groupArray(${place}) AS places FROM ${table} ` +
      `WHERE ${foreignSql(await readEnds(), sinceMs)} GROUP BY parts`,
  );
  // Rows that a sink inserted since the first reading are below these ends.
  const ends = await readEnds();
  const isStray = (text: PlaceText) => isForeign(placeOf(text), ends, sinceMs);
  for await (const { parts, places } of rows) {
    if (!places.some(isStray)) continue;
    const query = `${keysSql(sides, `${keyParts} = ${partsLiteral(parts)}`)} WHERE NOT (${DIFFERS})`;
    for (const found of await services.database.allRows<FoundKey>(doing, query))
      yield differenceOf(found, 'stray');
  }
}

const DIFFERS = 'isLive != isStored OR (isLive AND lastMessage != lastRow)';

/**
 * Returns SQL for the state of both sides, for the keys that match a condition. A WHERE may follow.
 */
function keysSql(sides: Sides, within: string): string {
  const one = (side: string, from: string) =>
    `SELECT ${sides.keyParts} AS parts, ${side} AS side, ` +
    `_version AS version, _deleted AS deleted, (_version, _partition, _offset) AS place ` +
    `FROM ${from} WHERE ${within}`;
  const all = `${one(`if(${rejectedSql} = 1, 2, 0)`, sides.side)} UNION ALL ${one('1', sides.table)}`;
  // Without FINAL, one query reads the last rows and newer ones at the same moment.
  const newer = `side = 1 AND tupleElement(place, 3) >= ${endsSql(sides.extents)}`;
  return (
    `SELECT parts, onTopic > 0 AS isOnTopic, isLive, isStored, ` +
    `${placeText('lastMessage')} AS message, ${placeText('lastRow')} AS row, ` +
    `tupleElement(lastRow, 1) < tupleElement(lastMessage, 1) AS isOlder, ` +
    `(tupleElement(newest, 2), toString(tupleElement(newest, 3))) AS newest, isNewer, ` +
    `deadLetter > tupleElement(lastRow, 1) AS isRejected, ` +
    `deadLetter > 0 AND deadLetter = tupleElement(lastRow, 1) AS isDeadLetterRow FROM (` +
    `SELECT parts, countIf(side = 0) AS onTopic, ` +
    `onTopic > 0 AND argMaxIf(deleted, version, side = 0) = 0 AS isLive, ` +
    `countIf(side = 1) > 0 AND argMaxIf(deleted, version, side = 1) = 0 AS isStored, ` +
    `argMaxIf(place, version, side = 0) AS lastMessage, argMaxIf(place, version, side = 1) AS lastRow, ` +
    `argMaxIf(place, version, ${newer}) AS newest, countIf(${newer}) > 0 AS isNewer, ` +
    `maxIf(version, side = 2) AS deadLetter FROM (${all}) GROUP BY parts)`
  );
}

/** Returns SQL that turns a tuple of version, partition and offset into a {@link PlaceText}. */
function placeText(place: string): string {
  return `(toString(tupleElement(${place}, 1)), tupleElement(${place}, 2), toString(tupleElement(${place}, 3)))`;
}

/** Returns SQL for the end offset of a row's partition; the maximum if the topic lacks it. */
function endsSql(extents: ReadonlyMap<number, Extent>): string {
  const list = [...extents];
  if (list.length === 0) return '9223372036854775807';
  const partitions = list.map(([partition]) => partition).join(', ');
  const offsets = list.map(([, { end }]) => `toInt64(${end})`).join(', ');
  return `transform(tupleElement(place, 2), [${partitions}], [${offsets}], toInt64(9223372036854775807))`;
}

/** Returns whether the topic may legitimately lack the message of the row. */
function isBeyond(
  found: FoundKey,
  { extents, mayLackMessages, isByKey, sinceMs }: Sides,
  ends: Ends,
): boolean {
  const row = placeOf(found.row);
  if (isForeign(row, ends, sinceMs)) return false;
  if (!isByKey && found.isOlder === 0) return true;
  if (found.isOnTopic === 1) return false;
  // Compaction removed the row's message in favour of a later dead letter without a row.
  if (mayLackMessages || found.isRejected === 1) return true;
  return row.offset < (extents.get(row.partition)?.start ?? 0n);
}

function differenceOf(found: FoundKey, kind: DifferenceKind): Difference {
  const message = found.isOnTopic === 1 ? placeOf(found.message) : undefined;
  return { key: found.parts.join('|'), kind, message, parts: found.parts };
}

function kindOf({ isLive, isStored, isOlder }: FoundKey): DifferenceKind {
  if (isLive === 0) return 'stray';
  if (isStored === 0) return 'missing';
  return isOlder === 1 ? 'older' : 'other';
}

function placeOf([version, partition, offset]: PlaceText): Place {
  return { version: BigInt(version), partition, offset: BigInt(offset) };
}
