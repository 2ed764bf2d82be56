import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, ExecFileOptions, SpawnOptions, SpawnSyncReturns } from 'node:child_process';
import { promisify } from 'node:util';
import type { NeedyProgram } from './child-environment.mjs';
import { childEnvironment } from './settings/child-environment.ts';

// Commands start programs only through this module, so no program inherits a secret by accident.

const execFileAsync = promisify(execFile);

interface Start {
  readonly env?: NodeJS.ProcessEnv;
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

/** Runs a program synchronously, for at most `timeout` ms, and returns its standard output. */
export function askProgram(command: string, args: readonly string[], timeout: number): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout, stdio: 'pipe', env: childEnvironment() });
}

/**
 * Runs a program synchronously, with exactly the given environment, for at most `timeout` ms. Its
 * error output is dropped.
 */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly timeout: number; readonly maxBuffer: number },
): SpawnSyncReturns<string> {
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
  return spawnSync(command, args, { ...options, encoding: 'utf8', stdio, killSignal: 'SIGKILL' });
}

export function startProgram(
  command: string,
  args: readonly string[],
  { env, needs, ...options }: Start & Omit<SpawnOptions, 'env'> = {},
): ChildProcess {
  return spawn(command, args, { ...options, env: { ...childEnvironment(needs), ...env } });
}
