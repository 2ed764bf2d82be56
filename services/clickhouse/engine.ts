import { availableParallelism } from 'node:os';
import type * as Chdb from 'chdb';
import pLimit from 'p-limit';
import { LocalServiceError, messageOf } from '../../core/errors.ts';
import { ClickHouseException } from './exception.ts';

/** What a query did, in the engine's own count. */
export interface QueryCounts {
  readonly rows: number;
  readonly bytes: number;
}

interface Result extends QueryCounts {
  readonly output: Uint8Array;
}

export interface Engine {
  readonly version: string;
  /**
   * Runs the statements one after the other in a session of their own, so that settings, parameters and temporary
   * tables end with it. The result is the last statement's.
   *
   * @throws ClickHouseException
   */
  run(statements: readonly string[], format: string): Promise<Result>;
  /** Waits for running queries. */
  close(): Promise<void>;
}

/**
 * ClickHouse as a library (chdb) on a folder, which no other process may have open.
 *
 * @throws LocalServiceError where it is not installed, or the folder is taken.
 */
export async function openEngine(folder: string): Promise<Engine> {
  const { Session, drainPending } = await loadChdb();
  // The engine lives as long as one session does; with this one open, further ones cost a fraction of a millisecond.
  const anchor = await openFirst(() => new Session(folder, { connectionArgs: ['--timezone=UTC'] }), folder);
  const limit = pLimit(Math.max(4, availableParallelism() * 2));

  const run = (statements: readonly string[], format: string) =>
    limit(async () => {
      const session = new Session(folder);
      try {
        let result: Result = { rows: 0, bytes: 0, output: new Uint8Array() };
        for (const statement of statements) {
          const done = await session.queryAsync(statement, { format });
          result = { rows: done.rowsRead, bytes: done.bytesRead, output: done.bytes() };
        }
        return result;
      } catch (error) {
        throw ClickHouseException.from(error);
      } finally {
        session.close();
      }
    });

  const { output } = await run(['SELECT version()'], 'TabSeparatedRaw');
  return {
    version: new TextDecoder().decode(output).trim(),
    run,
    async close() {
      await drainPending();
      anchor.close();
      await drainPending();
    },
  };
}

async function loadChdb(): Promise<typeof Chdb> {
  try {
    return await import('chdb');
  } catch (error) {
    const cure = 'run `npm ci` on Linux (glibc) or macOS without --omit=optional, or start Docker';
    throw new LocalServiceError(`ClickHouse's engine (npm package chdb) cannot be loaded: ${cure}`, {
      cause: error,
    });
  }
}

async function openFirst<T>(open: () => T, folder: string): Promise<T> {
  try {
    return await Promise.resolve(open());
  } catch (error) {
    const isTaken = /lock file|Code: 76\b|CANNOT_OPEN_FILE/i.test(messageOf(error));
    const reason = isTaken ? 'another process has it open: stop that one first' : messageOf(error);
    throw new LocalServiceError(`ClickHouse cannot open ${folder}: ${reason}`, { cause: error });
  }
}
