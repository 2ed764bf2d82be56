import type { DifferenceKind } from './comparison.ts';
import { partsLiteral } from '../../consumers/table/key-sql.ts';
import { foreignSql, isForeign, type Ends, type Place } from './place.ts';
import type { Extent } from './project-topic.ts';
import { askAllRows, askRowStream, type ReconcileServices } from './services.ts';
import { setAsideSql } from './side-table.ts';

const MIN_BUCKETS = 64;
const MAX_BUCKETS = 65_536;
const KEYS_PER_BUCKET = 4_096;
/** Keys that the server holds at a time. */
const KEYS_AT_A_TIME = 500_000;

/** A key whose last message and last row are not the same. */
export interface Difference {
  /** Its parts, joined by `|`. */
  readonly key: string;
  readonly kind: DifferenceKind;
  /** The last message of the key; undefined if the topic has none. */
  readonly message: Place | undefined;
  readonly parts: readonly string[];
}

/** The two sides as SQL. */
export interface Sides {
  /** Storage table, as SQL. */
  readonly table: string;
  /** The side table, as SQL. */
  readonly side: string;
  /** The parts of a key in both, as SQL. */
  readonly keyParts: string;
  readonly extents: ReadonlyMap<number, Extent>;
  /** When the topic's first message came, in ms; undefined where no clock of the broker's tells, or there is none. */
  readonly sinceMs: bigint | undefined;
  /** A row of a message that the topic does not have is no fault: compaction may have taken that. */
  readonly mayLackMessages: boolean;
  /**
   * Every message key is the text of its row's key. If not, compaction, which goes by the message's key, may have taken the last message of
   * a row: then only a message that is later than its row proves anything.
   */
  readonly isByKey: boolean;
}

/** UInt8 of a condition. */
type Flag = 0 | 1;

interface BucketSum {
  readonly bucket: string;
  readonly messages: string;
  readonly rows: string;
  readonly same: Flag;
}

/** Sums up both sides by buckets of their keys, which takes no memory to speak of. @returns live keys, and the buckets that differ. */
export async function compareBuckets(
  services: ReconcileServices,
  sides: Sides,
): Promise<{ keys: number; buckets: number; differing: readonly (readonly number[])[] }> {
  const doing = `sums of ${sides.table}`;
  const [size] = await askAllRows<{ n: string }>(
    services,
    doing,
    `SELECT toString(count()) AS n FROM ${sides.side}`,
  );
  const wanted = Math.ceil(Number(size?.n ?? 0) / KEYS_PER_BUCKET);
  const buckets = Math.min(MAX_BUCKETS, Math.max(MIN_BUCKETS, wanted));
  const { keyParts } = sides;
  const sums = (from: string, side: 0 | 1) =>
    `SELECT cityHash64(${keyParts}) % ${buckets} AS bucket, ${side} AS side, ` +
    `cityHash64(${keyParts}, _version, _partition, _offset, toUnixTimestamp64Milli(_timestamp)) AS hash FROM ${from}`;
  const rows = await askAllRows<BucketSum>(
    services,
    doing,
    `SELECT toString(bucket) AS bucket, toString(countIf(side = 0)) AS messages, toString(countIf(side = 1)) AS rows, ` +
      `sumIf(hash, side = 0) = sumIf(hash, side = 1) AS same FROM (` +
      `${sums(`${sides.side} FINAL WHERE ${setAsideSql} = 0`, 0)} UNION ALL ` +
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

/** A place as the server answers it. */
type PlaceText = readonly [version: string, partition: number, offset: string];

/** What the two sides have of a key. */
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
  readonly isSetAside: Flag;
  /** The last row is that of a message that was set aside as well: as after a replay into a table that takes it. */
  readonly isLetterRow: Flag;
}

/**
 * The keys of some buckets whose last message and last row are not the same. Left out is what a sink has written of messages that
 * came after the topic was looked at, and what the topic does not reach back to.
 *
 * @param readEnds where the partitions end by now; asked while the server works, which has read the table before.
 */
export async function* findDifferences(
  services: ReconcileServices,
  sides: Sides,
  buckets: number,
  some: readonly number[],
  readEnds: () => Promise<Ends>,
): AsyncIterable<Difference> {
  const within = `cityHash64(${sides.keyParts}) % ${buckets} IN (${some.join(', ')})`;
  const query = `${keysSql(sides, within)} WHERE ${DIFFERS}`;
  const rows = await askRowStream<FoundKey>(services, `differences of ${sides.table}`, query);
  const ends = await readEnds();
  for await (const found of rows) {
    const [partition, offset] = found.newest;
    const isNewer = found.isNewer === 1 && BigInt(offset) < (ends.get(partition) ?? 0n);
    if (!isNewer && found.isLetterRow === 0 && !isBeyond(found, sides, ends))
      yield differenceOf(found, kindOf(found));
  }
}

/**
 * The keys that agree, though the table has rows of them at offsets that the topic has not come to: nobody sees them behind later rows,
 * but a sink goes on behind the highest offset.
 *
 * @param readEnds see {@link findDifferences}.
 */
export async function* findHiddenStrays(
  services: ReconcileServices,
  sides: Sides,
  readEnds: () => Promise<Ends>,
): AsyncIterable<Difference> {
  const { table, keyParts, sinceMs } = sides;
  if (sinceMs === undefined) return;
  const doing = `strays of ${table}`;
  const place = placeText('(_version, _partition, _offset)');
  const rows = await askRowStream<{ parts: readonly string[]; places: readonly PlaceText[] }>(
    services,
    doing,
    `SELECT ${keyParts} AS parts, groupArray(${place}) AS places FROM ${table} ` +
      `WHERE ${foreignSql(await readEnds(), sinceMs)} GROUP BY parts`,
  );
  // What a sink has inserted since the ends were read is behind those that are read now.
  const ends = await readEnds();
  const isStray = (text: PlaceText) => isForeign(placeOf(text), ends, sinceMs);
  for await (const { parts, places } of rows) {
    if (!places.some(isStray)) continue;
    const query = `${keysSql(sides, `${keyParts} = ${partsLiteral(parts)}`)} WHERE NOT (${DIFFERS})`;
    for (const found of await askAllRows<FoundKey>(services, doing, query))
      yield differenceOf(found, 'stray');
  }
}

const DIFFERS = 'isLive != isStored OR (isLive AND lastMessage != lastRow)';

/** What both sides have of the keys of a condition as SQL; a WHERE may follow. */
function keysSql(sides: Sides, within: string): string {
  const one = (side: string, from: string) =>
    `SELECT ${sides.keyParts} AS parts, ${side} AS side, ` +
    `_version AS version, _deleted AS deleted, (_version, _partition, _offset) AS place ` +
    `FROM ${from} WHERE ${within}`;
  const all = `${one(`if(${setAsideSql} = 1, 2, 0)`, sides.side)} UNION ALL ${one('1', sides.table)}`;
  // Not FINAL: one reading of the table gives its last rows and those that have come since, of one moment.
  const newer = `side = 1 AND tupleElement(place, 3) >= ${endsSql(sides.extents)}`;
  return (
    `SELECT parts, onTopic > 0 AS isOnTopic, isLive, isStored, ` +
    `${placeText('lastMessage')} AS message, ${placeText('lastRow')} AS row, ` +
    `tupleElement(lastRow, 1) < tupleElement(lastMessage, 1) AS isOlder, ` +
    `(tupleElement(newest, 2), toString(tupleElement(newest, 3))) AS newest, isNewer, ` +
    `letter > tupleElement(lastRow, 1) AS isSetAside, ` +
    `letter > 0 AND letter = tupleElement(lastRow, 1) AS isLetterRow FROM (` +
    `SELECT parts, countIf(side = 0) AS onTopic, ` +
    `onTopic > 0 AND argMaxIf(deleted, version, side = 0) = 0 AS isLive, ` +
    `countIf(side = 1) > 0 AND argMaxIf(deleted, version, side = 1) = 0 AS isStored, ` +
    `argMaxIf(place, version, side = 0) AS lastMessage, argMaxIf(place, version, side = 1) AS lastRow, ` +
    `argMaxIf(place, version, ${newer}) AS newest, countIf(${newer}) > 0 AS isNewer, ` +
    `maxIf(version, side = 2) AS letter FROM (${all}) GROUP BY parts)`
  );
}

/** A tuple of version, partition and offset as a {@link PlaceText}, in SQL. */
function placeText(place: string): string {
  return `(toString(tupleElement(${place}, 1)), tupleElement(${place}, 2), toString(tupleElement(${place}, 3)))`;
}

/** The end of a row's partition as SQL; of one that the topic does not have, one that no row is behind. */
function endsSql(extents: ReadonlyMap<number, Extent>): string {
  const list = [...extents];
  if (list.length === 0) return '9223372036854775807';
  const partitions = list.map(([partition]) => partition).join(', ');
  const offsets = list.map(([, { end }]) => `toInt64(${end})`).join(', ');
  return `transform(tupleElement(place, 2), [${partitions}], [${offsets}], toInt64(9223372036854775807))`;
}

/** A row of which the topic has no message, or none as late, where that proves nothing. */
function isBeyond(
  found: FoundKey,
  { extents, mayLackMessages, isByKey, sinceMs }: Sides,
  ends: Ends,
): boolean {
  const row = placeOf(found.row);
  if (isForeign(row, ends, sinceMs)) return false;
  if (!isByKey && found.isOlder === 0) return true;
  if (found.isOnTopic === 1) return false;
  // Compaction has taken the message of the row, since a later one has its key; and that one has no row by right.
  if (mayLackMessages || found.isSetAside === 1) return true;
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
