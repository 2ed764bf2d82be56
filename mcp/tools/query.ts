import { z } from 'zod';
import { standardLimits, type QueryLimits } from '../../core/clickhouse/read-only-query.ts';
import { resultOf, resultOutput } from './query-result.ts';
import type { AddTools } from './tools.ts';

const limits: QueryLimits = { ...standardLimits, rows: 100_000, bytes: 64 * 1024 * 1024 };

export const addQueryTools: AddTools = (tools) => {
  const { queries } = tools.context;
  tools.add(
    'query',
    {
      title: 'Query ClickHouse',
      description:
        'Runs one read-only SQL query (SELECT, WITH, SHOW, DESCRIBE, EXPLAIN, EXISTS) on the database and returns its first rows. Amounts are integers in cents. Aggregate in SQL instead of reading many rows.',
      input: {
        sql: z.string().min(1).max(100_000).describe('ClickHouse SQL without FORMAT and SETTINGS'),
        limit: z.number().int().min(1).max(1_000).default(100).describe('maximum number of rows to return'),
      },
      hasValues: true,
      output: resultOutput,
    },
    async ({ sql, limit }, { signal }) =>
      resultOf(await queries.rows(sql, { signal, limits, maxRows: limit })),
  );
};
