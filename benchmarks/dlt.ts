import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../core/child-process.ts';
import { messageOf } from '../core/errors.ts';
import { bulkLists } from './bulk-lists.ts';
import { say } from './figures.ts';

const PACKAGE = 'dlt[duckdb]==1.31.0';
const script = fileURLToPath(new URL('dlt-pipeline.py', import.meta.url));

/**
 * The virtual environment is outside the temporary folder of the services, so that later benchmarks
 * can reuse it.
 */
const folder = fileURLToPath(new URL('../.data/dlt-1.31.0/', import.meta.url));

/** dlt, installed in a virtual environment. */
export interface Dlt {
  /**
   * Copies the lists to a new DuckDB file. Returns the duration of the whole process in seconds.
   */
  readonly load: (baseUrl: string, file: string) => Promise<number>;
  /** Returns the number of rows in each table. */
  readonly count: (file: string) => Promise<Readonly<Record<string, number>>>;
}

/**
 * Installs dlt from PyPI on first use. If Python or PyPI is unavailable, prints the reason and
 * returns undefined.
 */
export async function installDlt(signal: AbortSignal): Promise<Dlt | undefined> {
  const python = join(folder, 'bin', 'python');
  try {
    if (!existsSync(join(folder, 'bin', 'dlt'))) {
      say(`installing ${PACKAGE} in ${folder} (once)`);
      await runProgram('python3', ['-m', 'venv', folder], { signal });
      await runProgram(python, ['-m', 'pip', 'install', '-q', PACKAGE], { signal, needs: 'pip' });
    }
  } catch (error) {
    signal.throwIfAborted();
    rmSync(folder, { recursive: true, force: true });
    const [reason = ''] = messageOf(error).split('\n');
    say(`dlt: skipped, because it requires python3 with venv and access to PyPI: ${reason}`);
    return undefined;
  }
  const run = async (action: string, file: string, ...args: readonly string[]) => {
    // Keep dlt's state next to the file, so that a later pipeline does not resume this one.
    const env = { DLT_DATA_DIR: `${file}.state`, RUNTIME__DLTHUB_TELEMETRY: 'false' };
    const { stdout } = await runProgram(python, [script, action, JSON.stringify(bulkLists), file, ...args], {
      signal,
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.trimEnd().split('\n').at(-1) ?? '';
  };
  return {
    load: async (baseUrl, file) => {
      const startMs = performance.now();
      const steps = await run('load', file, baseUrl);
      const seconds = (performance.now() - startMs) / 1000;
      say(`dlt: its steps in seconds: ${steps}`);
      return seconds;
    },
    count: async (file) => JSON.parse(await run('count', file)) as Readonly<Record<string, number>>,
  };
}
