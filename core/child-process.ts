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
import { childEnvironment } from './settings/config.ts';

const execFileAsync = promisify(execFile);

/** Options of a program. Only this module starts programs, so none gets a secret by accident. */
interface Start {
  /** Added to the variables of `childEnvironment`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Adds the variables that this program needs. */
  readonly needs?: NeedyProgram;
}

/** Runs a program to its end and returns what it prints. @throws what `execFile` throws */
export function runProgram(
  command: string,
  args: readonly string[],
  { env, needs, ...options }: Start & Omit<ExecFileOptions, 'env' | 'encoding'> = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return execFileAsync(command, args, { ...options, env: { ...childEnvironment(needs), ...env } });
}

/** Runs a program synchronously, for at most `timeout` ms. */
export function askProgram(command: string, args: readonly string[], timeout: number): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout, stdio: 'pipe', env: childEnvironment() });
}

/** Starts a program that runs beside this one. */
export function startProgram(
  command: string,
  args: readonly string[],
  { env, needs, ...options }: Start & Omit<SpawnOptions, 'env'> = {},
): ChildProcess {
  return spawn(command, args, { ...options, env: { ...childEnvironment(needs), ...env } });
}
