import { literal, qualified } from '../../core/clickhouse/client.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { localTableOf, onCluster } from '../../consumers/table/table-ddl.ts';
import type { TableColumn } from '../../consumers/table/table-shape.ts';
import type { Difference } from './find-differences.ts';
import { keyIdOf, keyPartsSql, keysConditionSql, keyTextSql } from '../../consumers/table/key-sql.ts';
import type { Place } from './place.ts';
import type { Connections } from '../../core/connections.ts';

const KEYS_PER_STATEMENT = 500;

/**
 * Reads the rows of the differing keys, merged or not.
 * @param isForeign returns whether a row is beyond the end of the log.
 * @returns `hasLast`: differences whose last message has a row; `wrong`: rows that may have to be
 *   deleted: rows of other messages with the same version as the last message or a later one, all
 *   rows of keys that the topic lacks, and foreign rows.
 */
export async function readStoredRows(
  services: Connections,
  stream: string,
  key: readonly TableColumn[],
  differences: readonly Difference[],
  isForeign: (row: Place) => boolean,
): Promise<{ hasLast: ReadonlySet<Difference>; wrong: ReadonlyMap<Difference, readonly Place[]> }> {
  const hasLast = new Set<Difference>();
  const wrong = new Map<Difference, Place[]>();
  for (const some of chunksOf(differences)) {
    const { table, parts, ofKeys } = sqlOf(stream, key, some);
    const rows = await services.database.allRows<{
      parts: readonly string[];
      place: readonly [version: string, partition: number, offset: string];
    }>(
      `rows of ${table}`,
      `SELECT ${parts} AS parts, (toString(_version), _partition, toString(_offset)) AS place ` +
        `FROM ${qualified(services.settings.clickhouse.database, table)} WHERE ${ofKeys}`,
    );
    const byKey = new Map(some.map((difference) => [keyIdOf(difference.parts), difference]));
    for (const { parts: rowKey, place } of rows) {
      const difference = byKey.get(keyIdOf(rowKey));
      if (difference === undefined) continue;
      const [version, partition, offset] = place;
      const row = { version: BigInt(version), partition, offset: BigInt(offset) };
      const { message } = difference;
      if (message !== undefined && isSame(row, message)) hasLast.add(difference);
      else if (message === undefined || row.version >= message.version || isForeign(row))
        wrong.set(difference, [...(wrong.get(difference) ?? []), row]);
    }
  }
  return { hasLast, wrong };
}

export async function deleteRows(
  services: Connections,
  stream: string,
  key: readonly TableColumn[],
  wrong: ReadonlyMap<Difference, readonly Place[]>,
): Promise<void> {
  const target = services.settings.clickhouse;
  for (const some of chunksOf([...wrong.keys()])) {
    const { table, text, ofKeys } = sqlOf(stream, key, some);
    const places = some.flatMap((difference) =>
      (wrong.get(difference) ?? []).map(
        ({ version, partition, offset }) =>
          `(${literal(difference.key)}, toUInt128('${version}'), toInt32(${partition}), toInt64(${offset}))`,
      ),
    );
    await services.database.command(
      `delete rows of ${table}`,
      `DELETE FROM ${qualified(target.database, localTableOf(table, target))}${onCluster(target)} ` +
        `WHERE ${ofKeys} AND (${text}, _version, _partition, _offset) IN (${places.join(', ')})`,
    );
  }
}

function sqlOf(stream: string, key: readonly TableColumn[], differences: readonly Difference[]) {
  const names = key.map(({ name }) => name);
  const keys = differences.map(({ parts }) => parts);
  return {
    table: storageTableOf(stream),
    text: keyTextSql(names),
    parts: keyPartsSql(names),
    ofKeys: keysConditionSql(key, keys),
  };
}

function* chunksOf(differences: readonly Difference[]): Iterable<readonly Difference[]> {
  for (let from = 0; from < differences.length; from += KEYS_PER_STATEMENT)
    yield differences.slice(from, from + KEYS_PER_STATEMENT);
}

function isSame(a: Place, b: Place): boolean {
  return a.version === b.version && a.partition === b.partition && a.offset === b.offset;
}
