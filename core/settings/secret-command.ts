import { runToEnd } from '../child-process.ts';
import { ConfigError } from '../errors.ts';
import { rememberSecret } from '../redact.ts';
import { vaultEnvironment } from './child-environment.ts';

/** Some vaults wait until the user approves access. */
const DEADLINE_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** Matches a word of quoted and unquoted parts, and the space or end after it. */
const WORD = /((?:[^\s'"]+|'[^']*'|"[^"]*")+)(?:\s+|$)/y;
/** A word that only a shell understands. */
const OPERATOR = /^(?:[|&;]+$|\d?[<>]|\$\(|`)/;

/** The output of each program, so that a process runs each program only once. */
const printed = new Map<string, string>();

/**
 * Runs the program of a `_COMMAND` setting and returns its standard output. Its error output is
 * dropped, because a program may print the secret there.
 * @throws ConfigError that shows neither the command nor its output.
 */
export function outputOf(
  name: string,
  command: string,
  processEnv: NodeJS.ProcessEnv,
  deadlineMs = DEADLINE_MS,
): string {
  const known = printed.get(command);
  if (known !== undefined) return known;
  const [program = '', ...args] = wordsOf(name, command);
  const { status, signal, error, stdout } = runToEnd(program, args, {
    timeout: deadlineMs,
    maxBuffer: MAX_OUTPUT_BYTES,
    env: vaultEnvironment(processEnv),
  });
  const code = error === undefined ? undefined : (error as NodeJS.ErrnoException).code;
  const remedy = 'run the command in a terminal to see why';
  if (code === 'ETIMEDOUT')
    throw new ConfigError(`${name} did not end within ${deadlineMs / 1000} s: ${remedy}`);
  if (code === 'ENOBUFS')
    throw new ConfigError(`${name} must print only the secret; it printed more than 64 KiB`);
  if (error !== undefined) {
    // The value may be the secret itself instead of a command.
    rememberSecret(command.trim());
    throw new ConfigError(
      `${name} must begin with the path of a program, or the name of one on PATH (${code ?? 'unknown fault'})`,
    );
  }
  if (signal !== null) throw new ConfigError(`${name} was ended by ${signal}: ${remedy}`);
  if (status !== 0) throw new ConfigError(`${name} ended with exit code ${status}: ${remedy}`);
  if (stdout.trim() === '') throw new ConfigError(`${name} must print the secret; it printed nothing`);
  printed.set(command, stdout);
  return stdout;
}

/** Splits a command at its spaces. Quotes of both kinds preserve spaces; there are no escapes. */
function wordsOf(name: string, command: string): string[] {
  const text = command.trim();
  const words: string[] = [];
  WORD.lastIndex = 0;
  while (WORD.lastIndex < text.length) {
    const [, word] = WORD.exec(text) ?? [];
    if (word === undefined) throw new ConfigError(`${name} must close every quote`);
    if (OPERATOR.test(word))
      throw new ConfigError(`${name} runs without a shell: for pipes and substitutions, use sh -c '…'`);
    words.push(word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  return words;
}
