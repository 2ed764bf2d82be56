import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json';

/** The format that {@link readRows} reads, with the settings that keep its values exact. */
export const rowsFormat = {
  format: 'JSONCompactEachRowWithNamesAndTypes',
  formatSettings: {
    output_format_json_quote_64bit_integers: '0',
    output_format_json_quote_decimals: '0',
    output_format_json_quote_denormals: '1',
    output_format_json_named_tuples_as_objects: '1',
  },
} as const;

export interface ResultColumn {
  readonly name: string;
  readonly type: string;
}

/** A value as text with all its digits; arrays, tuples and maps are JSON. */
export type CellText = string | null;

export interface ResultRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly CellText[])[];
  /** Whether the result has more rows than were read. */
  readonly isTruncated: boolean;
}

export interface RowsLimit {
  readonly rows: number;
  readonly bytes: number;
}

/** Reads rows up to the limits, then ends the answer. @throws SyntaxError for another format. */
export async function readRows(answer: Readable, limit: RowsLimit): Promise<ResultRows> {
  const heads: string[][] = [];
  const rows: CellText[][] = [];
  let bytes = 0;
  let isTruncated = false;
  const lines = createInterface({ input: answer, crlfDelay: Infinity });
  // readline does not pass on errors of its input.
  const failed = new Promise<never>((_, reject) => answer.once('error', reject));
  failed.catch(() => undefined);
  const iterator = lines[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), failed]);
      if (next.done === true) break;
      const cells = cellsOf(next.value);
      if (heads.length < 2) heads.push(cells.map((cell) => cell ?? ''));
      else {
        bytes += next.value.length;
        isTruncated = rows.length >= limit.rows || bytes > limit.bytes;
        if (isTruncated) break;
        rows.push(cells);
      }
    }
    if (answer.errored !== null) throw answer.errored;
  } finally {
    lines.close();
    answer.destroy();
  }
  const [names = [], types = []] = heads;
  return { columns: names.map((name, at) => ({ name, type: types[at] ?? '' })), rows, isTruncated };
}

function cellsOf(line: string): CellText[] {
  const values = parse(line, undefined, (text) => new LosslessNumber(text));
  if (!Array.isArray(values)) throw new SyntaxError('a row that is not a list');
  return values.map(textOf);
}

function textOf(value: unknown): CellText {
  if (value === null || typeof value === 'string') return value;
  return isLosslessNumber(value) ? value.toString() : (stringify(value) ?? null);
}
