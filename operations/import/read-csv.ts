import { parse } from 'csv-parse';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { mostSimilar } from '../../core/settings/choice.ts';
import { shownValue } from '../../core/settings/setting-values.ts';
import { several } from '../../core/terminal/amounts.ts';
import { checkRecord, valuesOfCells, type Checked } from './check-record.ts';
import type { Fault } from './faults.ts';
import { MAX_RECORD_BYTES } from './read-lines.ts';
import { recordKinds } from './record-kinds.ts';

export interface ReadRecord {
  readonly line: number;
  readonly checked: Checked;
}

const fieldNames = new Set([
  'object',
  ...Object.values(recordKinds).flatMap(({ fields }) => Object.keys(fields)),
]);

/** Returns the character that separates the cells of a header: a comma, semicolon or tab. */
export function delimiterOf(header: string): string {
  const count = (character: string) => header.split(character).length;
  return [',', ';', '\t'].reduce((best, next) => (count(next) > count(best) ? next : best));
}

/**
 * Yields the records of a CSV file, with the lines on which they begin. The first record names the
 * fields. An invalid header or an error of the parser ends the reading, because later lines cannot
 * be trusted.
 */
export async function* readCsv(
  file: Readable,
  delimiter: string,
  signal: AbortSignal,
): AsyncGenerator<ReadRecord, void, undefined> {
  const parser = parse({
    bom: true,
    delimiter,
    relax_column_count: true,
    max_record_size: MAX_RECORD_BYTES,
  });
  // The loop below receives the pipeline's errors.
  const piped = pipeline(file, parser, { signal }).catch(() => undefined);
  let names: readonly string[] | undefined;
  let line = 1;
  try {
    for await (const record of parser as AsyncIterable<readonly string[]>) {
      const begin = line;
      // The parser's own count includes a CRLF within quotes twice.
      line += 1 + record.reduce((breaks, cell) => breaks + (cell.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
      if (record.length === 1 && record[0] === '') continue;
      if (names === undefined) {
        names = record.map((name) => name.trim());
        const faults = headerFaults(names, begin);
        if (faults.length === 0) continue;
        yield { line: begin, checked: { faults } };
        return;
      }
      yield { line: begin, checked: checkCells(names, record, begin) };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!isCsvError(error)) throw error;
    const place = error.lines ?? line;
    yield {
      line: place,
      checked: { faults: [formFault(place, `is not CSV: ${reasons[error.code] ?? error.code}`)] },
    };
  } finally {
    parser.destroy();
    await piped;
  }
}

function checkCells(names: readonly string[], cells: readonly string[], line: number): Checked {
  if (cells.length !== names.length) {
    const message = `must have ${several(names.length, 'cell')}, like the header; got ${cells.length}`;
    return { faults: [formFault(line, message)] };
  }
  if (cells.some((cell) => cell.includes('\ufffd'))) return { faults: [formFault(line, 'must be UTF-8')] };
  return checkRecord(line, valuesOfCells(names, cells));
}

function headerFaults(names: readonly string[], line: number): Fault[] {
  if (!names.includes('object')) {
    const message = 'the first line must name the columns, and one of them must be object';
    return [formFault(line, message)];
  }
  return names.flatMap((name, index) => {
    const field = shownValue(name).slice(1, -1);
    const fault = (message: string) => [{ line, object: 'header', field, message }];
    if (names.indexOf(name) < index) return fault('occurs twice');
    if (fieldNames.has(name)) return [];
    const similar = mostSimilar(name, [...fieldNames]);
    return fault(`is not a field of any object${similar === undefined ? '' : `: did you mean ${similar}?`}`);
  });
}

function formFault(line: number, message: string): Fault {
  return { line, object: undefined, field: undefined, message };
}

interface CsvError extends Error {
  readonly code: string;
  readonly lines?: number;
}

function isCsvError(error: unknown): error is CsvError {
  return (
    error instanceof Error && 'code' in error && /^CSV_|^INVALID_OPENING_QUOTE$/.test(String(error.code))
  );
}

/** Replaces the parser's own messages, which quote the record. */
const reasons: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is never closed',
  CSV_INVALID_CLOSING_QUOTE: 'a character follows a closing quote',
  INVALID_OPENING_QUOTE: 'a quote begins inside a cell',
  CSV_MAX_RECORD_SIZE: `a record is longer than ${MAX_RECORD_BYTES} characters`,
};
