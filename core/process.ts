import { setMaxListeners } from 'node:events';
import { Command, CommanderError } from 'commander';
import { ConfigError, EtlError, messageOf, StoppedError } from './errors.ts';
import { logger } from './logger.ts';
import { keptByNpm } from './settings/child-environment.ts';
import { print } from './terminal/terminal.ts';

export const exitCodes = { done: 0, someWorkFailed: 1, wrongSettings: 2 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A command's work. Its signal aborts on SIGINT or SIGTERM; it returns the exit code. */
export type Work = (signal: AbortSignal) => Promise<ExitCode>;

/** A command that refuses to run if npm has consumed some of its options. */
class NpmCommand extends Command {
  readonly #script: string;

  constructor(script: string) {
    super();
    this.#script = script;
  }

  /** Replaces only the description of commander's own command `help`. */
  override helpCommand(nameOrIsAdded: string | boolean, description = 'Shows help for a command.'): this {
    return super.helpCommand(nameOrIsAdded as string, description);
  }

  override parse(...args: Parameters<Command['parse']>): this {
    const options = [this, ...this.commands].flatMap((one) => one.options);
    const names = options.flatMap(({ long }) => long ?? []);
    const kept = keptByNpm(this.#script, names).filter((long) => !process.argv.includes(long));
    if (kept.length > 0)
      throw new ConfigError(
        `npm keeps options before \`--\`, such as ${kept[0]}: write \`${this.name()} ${kept.join(' ')}\``,
      );
    return super.parse(...args);
  }
}

/** Returns a command that exits with 2 if its arguments are wrong. */
export function createCommand(script: string, description: string): Command {
  return (
    new NpmCommand(script)
      .name(`npm run ${script} --`)
      .description(description)
      .helpOption('-h, --help', 'shows this help')
      // Like options, subcommands are listed without a capital letter or a full stop.
      .configureHelp({ subcommandDescription: (each) => fragmentOf(each.description()) })
      .allowExcessArguments(false)
      .showHelpAfterError(false)
      .configureOutput({ writeErr: (text) => print(text, process.stderr) })
      .exitOverride()
  );
}

function fragmentOf(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}

/**
 * Runs a command and sets the exit code. The first SIGINT or SIGTERM aborts the signal; another
 * one, at least a second later, ends the process immediately with 130. `maxStopMs` after the first
 * signal, the process exits with 1. A failure prints one line on stderr; only a defect also prints
 * its stack.
 */
export async function runMain(work: Work, options: { readonly maxStopMs?: number } = {}): Promise<void> {
  // Files of this process and its children may contain customer data: only the user may read them.
  process.umask(0o077);
  const controller = new AbortController();
  // Every open request listens to the signal: many listeners are not a leak.
  setMaxListeners(0, controller.signal);
  let abortedMs = -Infinity;
  let isWorking = true;
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      // npm forwards the Ctrl-C that this process also receives from the terminal.
      if (performance.now() - abortedMs < SAME_SIGNAL_MS) return;
      process.exit(130);
    }
    abortedMs = performance.now();
    controller.abort(new StoppedError(`stopped by ${name}`));
    setTimeout(() => {
      if (isWorking) logger.info({ signal: name }, 'stopping: a second signal ends the command immediately');
    }, STOPPING_LOG_MS).unref();
    const { maxStopMs } = options;
    if (maxStopMs === undefined) return;
    setTimeout(() => {
      print(`stopped by ${name}: the work did not end within ${maxStopMs / 1000} s\n`, process.stderr);
      process.exit(exitCodes.someWorkFailed);
    }, maxStopMs).unref();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // Node's handler would print the error's causes with all their properties, including secrets.
  process.on('uncaughtException', (error) => process.exit(reportFailure(error)));
  // The reader of a pipe may close it early (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
  // `process.exit` would lose output that has not reached a pipe.
  process.exitCode = await work(controller.signal)
    .catch(reportFailure)
    .finally(() => (isWorking = false));
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  // A client that keeps connecting to an unavailable service must not keep the process alive.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

const LINGER_MS = 2_000;
const SAME_SIGNAL_MS = 1_000;
/** Most commands stop sooner, so they log nothing. */
const STOPPING_LOG_MS = 500;

function reportFailure(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongSettings;
  print(`${failureText(error)}\n`, process.stderr);
  return error instanceof ConfigError ? exitCodes.wrongSettings : exitCodes.someWorkFailed;
}

/** Returns one line, plus the stack for a defect. Omits causes, which may quote another program. */
function failureText(error: unknown): string {
  const message = messageOf(error);
  if (error instanceof EtlError || !(error instanceof Error)) return message;
  const frames = error.stack?.match(/^ {4}at .*$/gm) ?? [];
  return [`${error.name}: ${message}`, ...frames].join('\n');
}
