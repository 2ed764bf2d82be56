import { createClickHouse } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { parseJson, type JsonObject } from '../../core/json.ts';
import { text } from 'node:stream/consumers';

/** Returns the rows of a query, with exact 64-bit integers. */
export async function rowsOf({ clickhouse }: Settings, sql: string): Promise<JsonObject[]> {
  const client = createClickHouse(clickhouse);
  try {
    const { stream } = await client.exec({
      query: sql,
      clickhouse_settings: {
        output_format_json_quote_64bit_integers: 0,
        default_format: 'JSONEachRow',
        database: clickhouse.database,
      } as Record<string, string | number>,
    });
    const lines = (await text(stream)).split('\n').filter((line) => line !== '');
    return lines.map((line) => parseJson(line) as JsonObject);
  } finally {
    await client.close();
  }
}
