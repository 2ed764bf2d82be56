import { setMaxListeners } from 'node:events';
import { Command, CommanderError } from 'commander';
import { ConfigError, EtlError, messageOf, StoppedError } from './errors.ts';
import { print } from './terminal/terminal.ts';

/** Exit codes of every command. */
export const exitCodes = { done: 0, someWorkFailed: 1, wrongSettings: 2 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A command's work: gets a signal that aborts on SIGINT or SIGTERM, gives the exit code. */
export type Work = (signal: AbortSignal) => Promise<ExitCode>;

/** A commander Command named as users type it, whose wrong arguments end with exit code 2. */
export function createCommand(script: string, description: string): Command {
  return new Command()
    .name(`npm run ${script} --`)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(false)
    .configureOutput({ writeErr: (text) => print(text, process.stderr) })
    .exitOverride();
}

/**
 * Runs a command to its exit code. The first SIGINT or SIGTERM aborts the signal, the next one, a second later or more, ends the
 * process at once with 130, as does the end of `maxStopMs` with 1. A failure prints one line on stderr, and its stack only where the
 * failure is a defect of ours.
 */
export async function runMain(work: Work, options: { readonly maxStopMs?: number } = {}): Promise<void> {
  // Files of this process and its children may hold customer data: only the user may read them.
  process.umask(0o077);
  const controller = new AbortController();
  // Every request under way listens to it: many at a time are no leak.
  setMaxListeners(0, controller.signal);
  let abortedMs = -Infinity;
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      // npm passes on the Ctrl-C that this process has had from the terminal.
      if (performance.now() - abortedMs < SAME_SIGNAL_MS) return;
      process.exit(130);
    }
    abortedMs = performance.now();
    controller.abort(new StoppedError(`stopped by ${name}`));
    const { maxStopMs } = options;
    if (maxStopMs === undefined) return;
    const giveUp = () => {
      print(
        `stopped by ${name}: what was under way did not end within ${maxStopMs / 1000} s\n`,
        process.stderr,
      );
      process.exit(exitCodes.someWorkFailed);
    };
    setTimeout(giveUp, maxStopMs).unref();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // Node's own handler would print the error's causes with all their properties, secrets included.
  process.on('uncaughtException', (error) => process.exit(reportFailure(error)));
  // The reader of a pipe has seen enough (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
  // Set, not `process.exit`: what was written to a pipe must reach it.
  process.exitCode = await work(controller.signal).catch(reportFailure);
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  // A client that goes on connecting to a service that is away must not keep a process whose work is over.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

const LINGER_MS = 2_000;
const SAME_SIGNAL_MS = 1_000;

function reportFailure(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongSettings;
  }
  print(`${failureText(error)}\n`, process.stderr);
  return error instanceof ConfigError ? exitCodes.wrongSettings : exitCodes.someWorkFailed;
}

/** One line, and the stack of a defect. Its causes may quote another program and are left out. */
function failureText(error: unknown): string {
  const message = messageOf(error);
  if (error instanceof EtlError || !(error instanceof Error)) return message;
  const frames = error.stack?.match(/^ {4}at .*$/gm) ?? [];
  return [`${error.name}: ${message}`, ...frames].join('\n');
}
