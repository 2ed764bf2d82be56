import { ClickHouseError } from '@clickhouse/client';
import { askRows, type ClickHouseClient } from '../../core/clickhouse/client.ts';

/** Words that a query may contain besides the names of tables and columns. */
export interface Vocabulary {
  readonly functions: readonly FunctionDescription[];
  readonly keywords: readonly string[];
}

export interface FunctionDescription {
  readonly name: string;
  /** The syntax, such as `toStartOfMonth(value)`; empty if the server does not state it. */
  readonly syntax: string;
  /** The first line of the function's description. */
  readonly about: string;
}

/** For servers without system.keywords, and for users without the right to read it. */
const commonKeywords =
  'SELECT FROM WHERE PREWHERE GROUP BY ORDER LIMIT OFFSET HAVING WITH UNION ALL DISTINCT INTERSECT EXCEPT JOIN LEFT RIGHT INNER FULL CROSS ARRAY ASOF ON USING AS AND OR NOT IN LIKE ILIKE BETWEEN IS NULL CASE WHEN THEN ELSE END ASC DESC INTERVAL DAY MONTH YEAR OVER PARTITION ROWS FINAL SAMPLE FORMAT DESCRIBE SHOW TABLES EXPLAIN EXISTS TOTALS'.split(
    ' ',
  );

/**
 * Returns the functions and keywords of the server, or common keywords if it refuses the queries.
 * @throws the errors of the client, except those that ClickHouse returned.
 */
export async function readVocabulary(client: ClickHouseClient, signal: AbortSignal): Promise<Vocabulary> {
  const list = async <Row>(query: string): Promise<Row[]> => {
    try {
      return await askRows<Row>(client, query, signal);
    } catch (error) {
      // An older server may lack a table or a column, and the user may lack the right to read it.
      if (error instanceof ClickHouseError) return [];
      throw error;
    }
  };
  const named = (columns: string) =>
    list<FunctionDescription>(`SELECT name, ${columns} FROM system.functions WHERE name != '' ORDER BY name`);
  const described = await named(
    String.raw`trim(BOTH '\n' FROM syntax) AS syntax, splitByChar('\n', trim(BOTH '\n' FROM description))[1] AS about`,
  );
  const functions = described.length > 0 ? described : await named(`'' AS syntax, '' AS about`);
  const words = await list<{ keyword: string }>('SELECT keyword FROM system.keywords');
  // `GROUP BY` is one keyword of the server, but two words to complete.
  const keywords = words.length > 0 ? words.flatMap(({ keyword }) => keyword.split(' ')) : commonKeywords;
  return { functions, keywords: [...new Set(keywords)].sort() };
}
