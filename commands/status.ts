import { ConfigError } from '../core/errors.ts';
import { loadSettings, type Settings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { commaList, duration } from '../core/settings/setting-values.ts';
import { gatherStatus } from '../operations/status/gather-status.ts';
import { statusJson } from '../operations/status/status-json.ts';
import { StatusSampler } from '../operations/status/status-sampler.ts';
import { statusText } from '../operations/status/status-text.ts';
import { watchAsText, watchOnTerminal } from '../operations/status/watch-status.ts';
import { widthOf } from '../core/terminal/columns.ts';
import { print } from '../core/terminal/terminal.ts';

/** Longer than a sink takes to process one batch. */
const WATCH_MS = 4_000;
const WATCH_INTERVAL_MS = 5_000;

interface Options {
  readonly streams?: readonly string[];
  readonly json?: true;
  readonly check?: true;
  readonly watch?: true | string;
  readonly maxAge: string;
}

await runMain(async (signal) => {
  const options = createCommand(
    'status',
    'Shows the topic, lag, table, last run, checkpoint and dead letters of each stream. Then lists risks and problems, each with its remedy. Writes nothing.',
  )
    .option('--streams <a,b>', 'only these streams', commaList)
    .option('--json', 'prints one JSON object')
    .option(
      '--watch [time]',
      'shows the status continuously until Ctrl-C; reads it again at this interval, 5s by default',
    )
    .option(
      '--check',
      'exits with 1 if there is no stream, or if a stream has failed, is stale or stalled, or has pending dead letters',
    )
    .option(
      '--max-age <time>',
      'age of the last run after which a stream is stale, such as 90m, 6h or 2d',
      '1d',
    )
    .parse()
    .opts<Options>();
  const settings = loadSettings();
  const maxAgeMs = duration('--max-age', options.maxAge);
  if (options.watch !== undefined) return watch(settings, options, maxAgeMs, signal);
  const status = await gatherStatus(settings, options.streams, signal, { maxAgeMs, watchMs: WATCH_MS });
  if (options.json === true) print(`${statusJson(status, settings)}\n`);
  else if (status.streams.length > 0 || status.failures.length === 0)
    print(`${statusText(status, widthOf(process.stdout))}\n`);
  for (const failure of status.failures) print(`${failure}\n`, process.stderr);
  // The check also fails if there are no streams.
  const isBad = status.streams.length === 0 || status.streams.some(({ problems }) => problems.length > 0);
  return status.failures.length > 0 || (options.check === true && isBad)
    ? exitCodes.someWorkFailed
    : exitCodes.done;
});

/**
 * Shows the status until Ctrl-C. Without a terminal, prints each status as text. With --json,
 * prints one object per line.
 */
async function watch(
  settings: Settings,
  { streams, json, check, watch: time }: Options,
  maxAgeMs: number,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (check === true) throw new ConfigError('--watch and --check must not be given together');
  const intervalMs = typeof time === 'string' ? duration('--watch', time) : WATCH_INTERVAL_MS;
  const sampler = new StatusSampler(settings, streams, maxAgeMs);
  if (process.stdout.isTTY && json !== true)
    await watchOnTerminal(sampler, intervalMs, process.stdout, signal);
  else
    await watchAsText(
      sampler,
      intervalMs,
      ({ status }) =>
        json === true
          ? JSON.stringify(JSON.parse(statusJson(status, settings)))
          : `${new Date(status.atMs).toISOString()}\n${[...status.failures, statusText(status, Infinity)].join('\n')}\n`,
      signal,
    );
  return exitCodes.done;
}
