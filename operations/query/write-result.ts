import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { writePrivateStream } from '../../core/private-files.ts';
import { ResultCounter } from './result-counter.ts';
import type { QueryOptions, ReadOnlyQueries } from './read-only-queries.ts';

export interface WrittenResult {
  readonly bytes: number;
  /** Undefined if neither the server nor the format shows it. */
  readonly rows: number | undefined;
  readonly format: string;
  readonly elapsedMs: number;
}

/**
 * Writes a result to a file that only the user may read. The file appears, or is replaced, when it
 * is complete.
 * @throws ConfigError if the file cannot be written; the errors of {@link ReadOnlyQueries}.
 */
export async function writeResult(
  queries: ReadOnlyQueries,
  sql: string,
  { path, format }: { readonly path: string; readonly format: string },
  options: QueryOptions,
): Promise<WrittenResult> {
  // Checked first, so that a long query does not run in vain.
  await requireWritable(path);
  const answer = await queries.stream(sql, format, options);
  const counter = new ResultCounter(answer.format);
  try {
    await writePrivateStream(path, [answer.stream, counter], options.signal);
  } catch (error) {
    options.signal.throwIfAborted();
    if (typeof (error as NodeJS.ErrnoException).syscall === 'string') throw unwritable(path, error);
    throw error;
  }
  const { bytes, rows } = counter;
  return { bytes, rows: rows ?? answer.resultRows, format: answer.format, elapsedMs: answer.elapsedMs };
}

async function requireWritable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile())
    throw new ConfigError(`--output must be a file; ${path} is something else`);
  const folder = await stat(dirname(path)).catch(() => undefined);
  if (folder?.isDirectory() !== true)
    throw new ConfigError(`--output must be a file in an existing folder; got "${dirname(path)}"`);
}

function unwritable(path: string, error: unknown): ConfigError {
  return new ConfigError(`--output ${basename(path)} cannot be written: ${messageOf(error)}`, {
    cause: error,
  });
}
