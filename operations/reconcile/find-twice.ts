import type { Examples } from './comparison.ts';
import type { Connections } from '../../core/connections.ts';

const EXAMPLES = 10;

/** Above this size, the server groups on disk. */
const MAX_BYTES_IN_MEMORY = 1_000_000_000;

/**
 * Counts the surplus rows of messages that have more than one row. Merges remove them and readers
 * never see them, but exactly-once delivery must not create them.
 */
export async function findTwice(
  services: Connections,
  table: string,
  keyText: string,
  hasTopicIds: boolean,
  examples: Examples,
): Promise<number> {
  const doing = `rows that ${table} has twice`;
  // A bitmap of offsets is small and rules out duplicates in almost every case.
  const [rows] = await services.database.allRows<{ n: string }>(
    doing,
    `SELECT toString(sum(surplus)) AS n FROM ` +
      `(SELECT count() - groupBitmap(toUInt64(_offset)) AS surplus FROM ${table} GROUP BY _partition)`,
  );
  if (Number(rows?.n ?? 0) === 0) return 0;
  // A recreated topic reuses offsets. A row of an unknown topic matches any.
  const topics = hasTopicIds ? 'greatest(1, uniqExactIf(_topic_id, _topic_id != 0))' : '1';
  const [found] = await services.database.allRows<{ surplus: string; keys: string[] }>(
    doing,
    `SELECT toString(sum(surplus)) AS surplus, groupArraySorted(${EXAMPLES})(text) AS keys FROM ` +
      `(SELECT any(${keyText}) AS text, count() - ${topics} AS surplus FROM ${table} GROUP BY _partition, _offset, _timestamp HAVING surplus > 0) ` +
      `SETTINGS max_bytes_before_external_group_by = ${MAX_BYTES_IN_MEMORY}`,
  );
  for (const key of found?.keys ?? []) examples.add({ key, kind: 'twice' });
  return Number(found?.surplus ?? 0);
}
