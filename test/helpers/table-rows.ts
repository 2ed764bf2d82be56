import { createClickHouse } from '../../core/clickhouse.ts';
import type { Settings } from '../../core/config.ts';
import { parseJson, type JsonObject } from '../../core/json.ts';
import { readOnlyQuery } from '../../core/query.ts';
import { text } from 'node:stream/consumers';
import { noSignal } from './settings.ts';

/** The rows that a query answers; 64-bit integers exact. */
export async function rowsOf({ clickhouse }: Settings, sql: string): Promise<JsonObject[]> {
  const client = createClickHouse(clickhouse);
  try {
    const settings = 'output_format_json_quote_64bit_integers = 0';
    const answer = await readOnlyQuery(
      client,
      clickhouse,
      `${sql} SETTINGS ${settings}`,
      'JSONEachRow',
      noSignal,
    );
    const lines = (await text(answer)).split('\n').filter((line) => line !== '');
    return lines.map((line) => parseJson(line) as JsonObject);
  } finally {
    await client.close();
  }
}
