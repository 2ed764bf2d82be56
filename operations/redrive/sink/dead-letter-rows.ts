import { literal, qualified } from '../../../core/clickhouse/client.ts';
import type { Database } from '../../../core/clickhouse/database.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';

/** Maximum number of positions in one query. */
const MAX_POSITIONS = 1_000;

export async function hasTable(database: Database, table: string): Promise<boolean> {
  const query = `SELECT 1 FROM system.tables WHERE database = ${literal(database.name)} AND name = ${literal(table)}`;
  return (await database.rows(`rows of ${table}`, query)).length > 0;
}

/**
 * Returns the dead letters whose message has a row in the table. A row matches by partition, offset
 * and time, so a recreated topic is not confused with its predecessor. Reads three columns of the
 * entire table for each thousand dead letters.
 */
export async function deadLettersWithRows(
  database: Database,
  table: string,
  deadLetters: readonly SinkDeadLetter[],
): Promise<ReadonlySet<SinkDeadLetter>> {
  const found = new Set<string>();
  for (let at = 0; at < deadLetters.length; at += MAX_POSITIONS) {
    const positions = deadLetters
      .slice(at, at + MAX_POSITIONS)
      .map(({ partition, offset, timestampMs }) => `(${partition}, ${offset}, ${timestampMs})`);
    const query =
      'SELECT DISTINCT _partition AS partition, toString(_offset) AS offset, ' +
      'toString(toUnixTimestamp64Milli(_timestamp)) AS timestampMs ' +
      `FROM ${qualified(database.name, table)} ` +
      `WHERE (_partition, _offset, toUnixTimestamp64Milli(_timestamp)) IN (${positions.join(', ')})`;
    for (const row of await database.rows<Position>(`rows of ${table}`, query)) found.add(positionOf(row));
  }
  return new Set(deadLetters.filter((deadLetter) => found.has(positionOf(deadLetter))));
}

interface Position {
  readonly partition: number;
  readonly offset: number | string;
  readonly timestampMs: number | string;
}

/**
 * Identifies a message of one topic. A recreated topic may reuse offsets, but with different times.
 */
export function positionOf({ partition, offset, timestampMs }: Position): string {
  return `${partition}/${offset}@${timestampMs}`;
}
