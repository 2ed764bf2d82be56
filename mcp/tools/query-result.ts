import { z } from 'zod';
import { several } from '../../core/terminal/amounts.ts';
import type { QueryResult } from '../../operations/query/read-only-queries.ts';
import { fitting, jsonLine, shortened } from '../limits.ts';
import type { ToolAnswer } from './tools.ts';

export const resultOutput = {
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows: z
    .array(z.array(z.string().nullable()))
    .describe('values as exact text, shortened if long; null is NULL'),
  isCut: z.boolean().describe('whether rows were left out'),
  elapsedMs: z.number(),
};

type Result = z.output<z.ZodObject<typeof resultOutput>>;

/** Returns the rows that fit in an answer. A long value is shortened and ends with its length. */
export function resultOf(
  { columns, rows, isTruncated, elapsedMs }: QueryResult,
  maxRows = Infinity,
): ToolAnswer<Result> {
  const short = rows.map((row) => row.map((cell) => cell && shortened(cell)));
  const { items, isCut } = fitting(short, maxRows);
  const cut = isTruncated || isCut;
  const more = cut ? ' Some rows were left out: add a filter, aggregate, or select fewer columns.' : '';
  return {
    text: `${several(items.length, 'row')} of ${several(columns.length, 'column')}.${more}`,
    values: [jsonLine(columns.map(({ name, type }) => `${name} ${type}`)), ...items.map(jsonLine)],
    data: {
      columns: columns.map(({ name, type }) => ({ name, type })),
      rows: [...items],
      isCut: cut,
      elapsedMs: Math.round(elapsedMs),
    },
  };
}
