import type { Readable } from 'node:stream';
import { linesOf } from './result-lines.ts';

/** The format that {@link readRows} reads, with the settings that keep its values exact. */
export const rowsFormat = {
  format: 'JSONCompactEachRowWithNamesAndTypes',
  formatSettings: {
    output_format_json_quote_64bit_integers: '0',
    output_format_json_quote_decimals: '0',
    output_format_json_quote_denormals: '1',
    output_format_json_escape_forward_slashes: '0',
    output_format_json_named_tuples_as_objects: '1',
  },
} as const;

export interface ResultColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * A value as text with all its digits. Arrays, tuples and maps are JSON, as the server writes them.
 */
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

/**
 * Reads rows up to the limits, then ends the response.
 * @throws SyntaxError if the response has another format; the errors of {@link linesOf}.
 */
export async function readRows(answer: Readable, limit: RowsLimit): Promise<ResultRows> {
  const heads: string[][] = [];
  const rows: CellText[][] = [];
  let bytes = 0;
  let isTruncated = false;
  // Leaving the loop destroys the response.
  for await (const line of linesOf(answer)) {
    if (heads.length < 2) {
      heads.push(cellsOf(line).map((cell) => cell ?? ''));
      continue;
    }
    bytes += Buffer.byteLength(line);
    isTruncated = rows.length >= limit.rows || bytes > limit.bytes;
    if (isTruncated) break;
    rows.push(cellsOf(line));
  }
  const [names = [], types = []] = heads;
  return { columns: names.map((name, at) => ({ name, type: types[at] ?? '' })), rows, isTruncated };
}

/**
 * Splits a JSON list at its top-level commas. A parser would create an object for each number,
 * which takes many times the memory of its text.
 */
function cellsOf(line: string): CellText[] {
  if (!line.startsWith('[') || !line.endsWith(']')) throw new SyntaxError('a row that is not a list');
  const end = line.length - 1;
  const cells: CellText[] = [];
  let start = 1;
  let depth = 0;
  for (let at = 1; at < end; at++) {
    const character = line[at];
    if (character === '"') at = endOfString(line, at);
    else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    else if (character === ',' && depth === 0) {
      cells.push(cellOf(line.slice(start, at)));
      start = at + 1;
    }
    if (depth < 0) break;
  }
  if (depth !== 0) throw new SyntaxError('a row that is not a list');
  if (end > 1) cells.push(cellOf(line.slice(start, end)));
  return cells;
}

/** Returns the index of the quote that ends the string. */
function endOfString(line: string, start: number): number {
  for (let end = line.indexOf('"', start + 1); end >= 0; end = line.indexOf('"', end + 1)) {
    let escapes = 0;
    while (line[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
  }
  throw new SyntaxError('a row with an unterminated string');
}

function cellOf(json: string): CellText {
  const text = json.trim();
  if (text === '') throw new SyntaxError('a row with an empty value');
  if (text === 'null') return null;
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}
