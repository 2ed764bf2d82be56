import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type * as Chdb from 'chdb';
import pLimit from 'p-limit';
import { literal } from '../../core/clickhouse/client.ts';
import { LocalServiceError, messageOf } from '../../core/errors.ts';
import { writeEngineConfig } from './engine-config.ts';
import { ClickHouseException } from './exception.ts';

export interface QueryCounts {
  readonly rows: number;
  readonly bytes: number;
}

interface Result extends QueryCounts {
  readonly output: Uint8Array;
}

interface Cancellation {
  /** Becomes the setting `log_comment`, which identifies the query in `system.processes`. */
  readonly id: string;
  readonly signal: AbortSignal;
}

export interface Engine {
  readonly version: string;
  /**
   * Runs the statements in a separate session. Their settings, parameters and temporary tables end
   * with the session. Returns the result of the last statement.
   * @param format of the output, if the statement names none.
   * @param cancel ends the statements when its signal aborts.
   * @throws ClickHouseException
   */
  run(statements: readonly string[], format?: string, cancel?: Cancellation): Promise<Result>;
  /** Waits for running queries, then closes the engine. */
  close(): Promise<void>;
}

const KILL_AGAIN_MS = 200;

/**
 * Opens ClickHouse as a library (chdb) on a folder, which no other process may have open.
 * @param grants of the user that runs all statements; by default they confine the engine to its
 * folder.
 * @throws LocalServiceError if chdb cannot be loaded, the engine cannot open the folder (usually
 * because another process has it open), or the engine did not read its configuration.
 */
export async function openEngine(folder: string, grants?: readonly string[]): Promise<Engine> {
  const { Session, drainPending } = await loadChdb();
  // The engine runs while any session is open. While this session is open, further sessions are
  // cheap.
  const config = writeEngineConfig('config', grants);
  const connectionArgs = ['--timezone=UTC', `--config-file=${config}`];
  const anchor = openFirst(() => new Session(folder, { connectionArgs }), folder);
  const limit = pLimit(Math.min(16, Math.max(4, availableParallelism() * 2)));

  const run: Engine['run'] = (statements, format = 'TabSeparated', cancel) =>
    limit(async () => {
      const session = new Session(folder);
      const killer = cancel && killOnAbort(cancel);
      try {
        let result: Result = { rows: 0, bytes: 0, output: new Uint8Array() };
        const mark = cancel === undefined ? [] : [`SET log_comment = ${literal(cancel.id)}`];
        for (const statement of [...mark, ...statements]) {
          cancel?.signal.throwIfAborted();
          const done = await session.queryAsync(statement, { format });
          result = { rows: done.rowsRead, bytes: done.bytesRead, output: done.bytes() };
        }
        return result;
      } catch (error) {
        throw ClickHouseException.from(error);
      } finally {
        killer?.stop();
        session.close();
      }
    });

  /**
   * Kills the running query with the id when the signal aborts. The KILL statements do not count
   * against the limit of concurrent queries.
   */
  const killOnAbort = ({ id, signal }: Cancellation) => {
    const kill = async () => {
      const session = new Session(folder);
      try {
        await session.queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${literal(id)} ASYNC`);
      } catch {
        // The timer tries again.
      } finally {
        session.close();
      }
    };
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => {
      void kill();
      // The engine may not list the query yet, so try again until it ends.
      timer = setInterval(() => void kill(), KILL_AGAIN_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return {
      stop: () => {
        signal.removeEventListener('abort', onAbort);
        clearInterval(timer);
      },
    };
  };

  await proveConfinement(run);
  const { output } = await run(['SELECT version()']);
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

/** Checks the confinement: the engine silently ignores a configuration file that is missing. */
async function proveConfinement(run: Engine['run']): Promise<void> {
  const refusal = await run(["SELECT * FROM file('config/config.xml', 'LineAsString')"]).catch(
    (error: unknown) => error,
  );
  if (refusal instanceof ClickHouseException && refusal.exceptionName === 'ACCESS_DENIED') return;
  throw new LocalServiceError(
    'ClickHouse is not confined to its folder: the engine did not read its configuration',
  );
}

async function loadChdb(): Promise<typeof Chdb> {
  try {
    return await import('chdb');
  } catch (error) {
    const remedy = 'run `npm ci` on Linux (glibc) or macOS without --omit=optional, or start Docker';
    const message = `ClickHouse's engine (npm package chdb) cannot be loaded: ${remedy}`;
    throw new LocalServiceError(message, { cause: error });
  }
}

function openFirst<T>(open: () => T, folder: string): T {
  try {
    return open();
  } catch (error) {
    // The engine reports the reason only on stderr. It is nearly always the lock.
    const message = `ClickHouse cannot open ${resolve(folder)}: if another process has it open, stop that one first (${messageOf(error)})`;
    throw new LocalServiceError(message, { cause: error });
  }
}
