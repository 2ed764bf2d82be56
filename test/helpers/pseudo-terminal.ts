import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scriptOf } from './command.ts';
import { waitFor } from './wait-for.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface PseudoTerminal {
  type(keys: string): void;
  /** Resolves once the text has appeared the given number of times. */
  shown(text: string | RegExp, times?: number): Promise<void>;
  /** The entire output of the command, escape sequences included. */
  text(): string;
  readonly exitCode: Promise<number | null>;
}

/** Starts a command on a terminal with 80 columns and 40 rows. */
export function startOnTerminal(
  t: TestContext,
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): PseudoTerminal {
  const words = [process.execPath, ...scriptOf(entry), ...args].map((word) => `'${word}'`);
  const line = `stty cols 80 rows 40; exec ${words.join(' ')}`;
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    cwd: root,
    env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  const count = (wanted: string | RegExp) =>
    typeof wanted === 'string'
      ? text.split(wanted).length - 1
      : [...text.matchAll(new RegExp(wanted, `${wanted.flags}g`))].length;
  return {
    type: (keys) => child.stdin.write(keys),
    shown: async (wanted, times = 1) => {
      await waitFor(`${String(wanted)} on the terminal`, () => count(wanted) >= times).catch(
        (error: unknown) => {
          throw new Error(`the terminal shows ${JSON.stringify(text.slice(-2_000))}`, { cause: error });
        },
      );
    },
    text: () => text,
    exitCode: once(child, 'exit').then(([code]) => code as number | null),
  };
}
