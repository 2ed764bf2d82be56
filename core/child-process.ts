import {
  execFile,
  execFileSync,
  spawn,
  type ChildProcess,
  type ExecFileOptions,
  type SpawnOptions,
} from 'node:child_process';
import { promisify } from 'node:util';
import type { NeedyProgram } from './child-environment.mjs';
import { childEnvironment } from './config.ts';

const execFileAsync = promisify(execFile);

/** How a program is started. Nothing else of the project starts one, so none gets a secret by accident. */
interface Start {
  /** Beside what every program gets: see `childEnvironment`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Gets what this program needs of our environment too. */
  readonly needs?: NeedyProgram;
}

/** What a program prints until it ends. @throws what `execFile` throws */
export function runProgram(
  command: string,
  args: readonly string[],
  { env, needs, ...options }: Start & Omit<ExecFileOptions, 'env' | 'encoding'> = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return execFileAsync(command, args, { ...options, env: { ...childEnvironment(needs), ...env } });
}

/** The same at once, for a program that answers within `timeout` ms. */
export function askProgram(command: string, args: readonly string[], timeout: number): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout, stdio: 'pipe', env: childEnvironment() });
}

/** A program that runs beside this one. */
export function startProgram(
  command: string,
  args: readonly string[],
  { env, needs, ...options }: Start & Omit<SpawnOptions, 'env'> = {},
): ChildProcess {
  return spawn(command, args, { ...options, env: { ...childEnvironment(needs), ...env } });
}
