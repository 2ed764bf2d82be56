import { once } from 'node:events';
import { closeSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from '../core/child-process.ts';
import { LocalServiceError, messageOf } from '../core/errors.ts';
import { isTrueWithin } from './deadline.ts';
import { makePrivateFolder, openPrivate, readPrivate, writePrivate } from '../core/private-files.ts';
import { describeProcess, ProcessRecord } from './process-record.ts';

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Environment variables in addition to those that every program inherits. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd: string;
}

const gracePeriodMs = 12_000;

/**
 * A process that outlives the command that starts it. `<folder>/<name>.pid` records its id and
 * identity, so that a later command finds it and never signals another process with the same id.
 */
export class BackgroundProcess {
  readonly name: string;
  readonly logPath: string;
  readonly #record: ProcessRecord;
  readonly #folder: string;

  constructor(folder: string, name: string) {
    this.name = name;
    this.#folder = folder;
    this.logPath = join(folder, `${name}.log`);
    this.#record = new ProcessRecord(join(folder, `${name}.pid`));
  }

  pid(): number | undefined {
    return this.#record.read();
  }

  /** @throws LocalServiceError if the command cannot be run. */
  async start(launch: Launch): Promise<void> {
    makePrivateFolder(this.#folder);
    this.#keepPreviousLog();
    const log = openPrivate(this.logPath);
    try {
      const child = startProgram(launch.command, launch.args, {
        cwd: launch.cwd,
        env: launch.env ?? {},
        detached: true,
        stdio: ['ignore', log, log],
      });
      await once(child, 'spawn');
      child.unref();
      if (child.pid !== undefined) writePrivate(this.#record.path, describeProcess(child.pid));
    } catch (error) {
      const message = `${this.name}: ${launch.command} cannot be run: ${messageOf(error)}`;
      throw new LocalServiceError(message, { cause: error });
    } finally {
      closeSync(log);
    }
  }

  /**
   * Sends SIGTERM, and SIGKILL if the process is still running after 12 s.
   * @throws LocalServiceError if the process is still running 5 s after SIGKILL.
   */
  async stop(): Promise<void> {
    const isGone = () => this.pid() === undefined;
    this.#signal('SIGTERM');
    if (!(await isTrueWithin(gracePeriodMs, isGone))) {
      this.#signal('SIGKILL');
      if (!(await isTrueWithin(5_000, isGone)))
        throw new LocalServiceError(
          `${this.name} (pid ${this.pid() ?? 'unknown'}) is still running after SIGKILL`,
        );
    }
    rmSync(this.#record.path, { force: true });
  }

  lastWords(): string {
    const lines = (readPrivate(this.logPath) ?? '').split('\n').filter((line) => line.trim() !== '');
    return lines.slice(-3).join(' | ').slice(-600);
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.pid();
    if (pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Keeps the log of the previous start, which may show a crash, as `<name>.previous.log`. */
  #keepPreviousLog(): void {
    try {
      renameSync(this.logPath, join(this.#folder, `${this.name}.previous.log`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
