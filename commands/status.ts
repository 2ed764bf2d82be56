import { loadSettings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { duration } from '../core/settings/setting-values.ts';
import { gatherStatus } from '../operations/status/gather-status.ts';
import { statusJson } from '../operations/status/status-json.ts';
import { statusText } from '../operations/status/status-text.ts';
import { print } from '../core/terminal/terminal.ts';

const STANDARD_WIDTH = 80;
/** Longer than a sink takes for a batch. */
const WATCH_MS = 4_000;

interface Options {
  readonly streams?: string;
  readonly json?: true;
  readonly check?: true;
  readonly maxAge: string;
}

await runMain(async (signal) => {
  const options = createCommand(
    'status',
    'Shows for each stream its topic, lag, table, last run, checkpoint and dead letters; then settings that would lose data, and ' +
      'problems with their remedy. Writes nothing.',
  )
    .option('--streams <a,b>', 'only these streams')
    .option('--json', 'as one JSON object')
    .option('--check', 'exit 1 when a stream has failed, is stale or stalled, or has pending dead letters')
    .option('--max-age <time>', 'a stream whose last run is older is stale, such as 90m, 6h or 2d', '1d')
    .parse()
    .opts<Options>();
  const settings = loadSettings();
  const wanted = options.streams?.split(',').map((name) => name.trim());
  const status = await gatherStatus(settings, wanted, signal, {
    maxAgeMs: duration('--max-age', options.maxAge),
    watchMs: WATCH_MS,
  });
  if (options.json === true) print(`${statusJson(status, settings)}\n`);
  else if (status.streams.length > 0 || status.failures.length === 0)
    // A terminal that does not know its size gives 0. A pipe has room for everything.
    print(
      `${statusText(status, process.stdout.isTTY ? process.stdout.columns || STANDARD_WIDTH : Infinity)}\n`,
    );
  for (const failure of status.failures) print(`${failure}\n`, process.stderr);
  // Where no stream is there at all, nothing is well either.
  const isBad = status.streams.length === 0 || status.streams.some(({ problems }) => problems.length > 0);
  return status.failures.length > 0 || (options.check === true && isBad)
    ? exitCodes.someWorkFailed
    : exitCodes.done;
});
