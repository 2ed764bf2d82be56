import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

const DEADLINE_MS = 180_000;

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  kill(signal: NodeJS.Signals): void;
  /**
   * Resolves once the text has appeared on stderr the given number of times. @throws if the command
   * ends first.
   */
  logged(text: string, times?: number): Promise<void>;
  /** Resolves with the first match on stdout. @throws if the command ends first. */
  printed(pattern: RegExp): Promise<string>;
  readonly result: Promise<CommandResult>;
}

/**
 * The folder with the commands that `npm test` has built. If it is not set, tsx compiles each
 * command when it starts.
 */
const builtCommands = process.env['TEST_COMMANDS'];

/** Starts a command as `npm run` does, in a separate process. */
export function startCommand(
  t: TestContext,
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): RunningCommand {
  return start(t, process.execPath, [...scriptOf(entry), ...args], env);
}

/** Returns the node arguments that run a command from the project's root. */
export function scriptOf(entry: string): readonly string[] {
  const built = join(builtCommands ?? '', entry.replace(/\.ts$/, '.js'));
  // The demo and benchmarks start services, which are not built.
  const hasServices = entry === 'commands/demo.ts' || entry.startsWith('benchmarks/');
  const isBuilt = builtCommands !== undefined && !hasServices && existsSync(built);
  return isBuilt ? [built] : ['start.mjs', entry];
}

/** Runs a bash command line in the project's root. */
export function runShell(t: TestContext, line: string, env: NodeJS.ProcessEnv): Promise<CommandResult> {
  return start(t, 'bash', ['-c', line], env).result;
}

function start(
  t: TestContext,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): RunningCommand {
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  // A command that hangs is killed, so that its test ends and can show the output.
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  t.after(() => {
    clearTimeout(deadline);
    child.kill('SIGKILL');
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const more = async (output: Output, wanted: string) => {
    if (output.isOver) throw new Error(`the command ended before ${wanted}: ${stdout.text}${stderr.text}`);
    await once(output.grew, 'grew');
  };
  return {
    kill: (signal) => child.kill(signal),
    logged: async (text, times = 1) => {
      while (stderr.text.split(text).length <= times) await more(stderr, `it logged ${text}`);
    },
    printed: async (pattern) => {
      while (!pattern.test(stdout.text)) await more(stdout, `it printed ${String(pattern)}`);
      return pattern.exec(stdout.text)?.[0] ?? '';
    },
    result: Promise.all([once(child, 'exit'), stdout.done, stderr.done]).then(([[exitCode]]) => ({
      exitCode: exitCode as number | null,
      stdout: stdout.text,
      stderr: stderr.text,
    })),
  };
}

export function runCommand(
  t: TestContext,
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  return startCommand(t, entry, args, env).result;
}

interface Output {
  text: string;
  /** Emits `grew` for each chunk, and at the end. */
  readonly grew: EventEmitter;
  isOver: boolean;
  done: Promise<void>;
}

function collect(stream: Readable): Output {
  const collected: Output = { text: '', grew: new EventEmitter(), isOver: false, done: Promise.resolve() };
  const read = async () => {
    for await (const chunk of stream.setEncoding('utf8')) {
      collected.text += String(chunk);
      collected.grew.emit('grew');
    }
    collected.isOver = true;
    collected.grew.emit('grew');
  };
  collected.done = read();
  return collected;
}
