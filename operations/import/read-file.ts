import { accessSync, constants, createReadStream, statSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { ConfigError } from '../../core/errors.ts';
import { isJsonObject, parseJson, type JsonValue } from '../../core/json.ts';
import { checkRecord, type Checked } from './check-record.ts';
import { delimiterOf, readCsv, type ReadRecord } from './read-csv.ts';
import { linesOf, type FileLine } from './read-lines.ts';

const MAX_HEADER_BYTES = 65_536;

/** Returns the size of a file. @throws ConfigError if it is not a regular file or not readable. */
export function sizeOfFile(path: string): number {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() === true) accessSync(path, constants.R_OK);
  } catch {
    throw new ConfigError(`FILE must be readable; this user may not read ${path}`);
  }
  if (found === undefined) throw new ConfigError(`FILE must be an existing file; ${path} does not exist`);
  if (!found.isFile())
    throw new ConfigError(`FILE must be a regular file, because it is read twice; got ${path}`);
  return found.size;
}

/**
 * Yields the records of an NDJSON or CSV file, each checked separately, as a stream. Blank lines
 * are skipped. The extension determines the format. Without a known extension, a file is CSV unless
 * it begins with a brace.
 * @param onBytes is called with every chunk of the file.
 */
export async function* readRecords(
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: Buffer) => void,
): AsyncGenerator<ReadRecord, void, undefined> {
  const start = await startOf(path);
  const tap = new Transform({
    transform(bytes: Buffer, _encoding, done) {
      onBytes(bytes);
      done(null, bytes);
    },
  });
  const source = createReadStream(path, { highWaterMark: 1024 * 1024 });
  source.on('error', (error) => tap.destroy(error));
  const file = source.pipe(tap);
  try {
    if (isCsv(path, start)) yield* readCsv(file, delimiterOf(/[^\r\n]+/.exec(start)?.[0] ?? ''), signal);
    else {
      for await (const line of linesOf(file as AsyncIterable<Buffer>)) {
        signal.throwIfAborted();
        const checked = checkLine(line);
        if (checked !== undefined) yield { line: line.number, checked };
      }
    }
  } finally {
    source.destroy();
    tap.destroy();
  }
}

function isCsv(path: string, start: string): boolean {
  if (/\.(csv|tsv)$/i.test(path)) return true;
  return !/\.(ndjson|jsonl|json)$/i.test(path) && !/^\s*\{/.test(start);
}

async function startOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead).replace(/^\ufeff/, '');
  } finally {
    await file.close();
  }
}

/** Returns undefined for a blank line. */
function checkLine({ number: line, text, fault }: FileLine): Checked | undefined {
  const wrong = (message: string): Checked => ({
    faults: [{ line, object: undefined, field: undefined, message }],
  });
  if (text === undefined) return wrong(fault ?? 'cannot be read');
  if (text.trim() === '') return undefined;
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch {
    return wrong('is not JSON');
  }
  return isJsonObject(value) ? checkRecord(line, value) : wrong('must be a JSON object');
}
