import { loadSettings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { commaList, duration } from '../core/settings/setting-values.ts';
import { gatherStatus } from '../operations/status/gather-status.ts';
import { statusJson } from '../operations/status/status-json.ts';
import { statusText } from '../operations/status/status-text.ts';
import { widthOf } from '../core/terminal/columns.ts';
import { print } from '../core/terminal/terminal.ts';

/** Longer than a sink needs for one batch. */
const WATCH_MS = 4_000;

await runMain(async (signal) => {
  const options = createCommand(
    'status',
    'Shows the topic, lag, table, last run, checkpoint and dead letters of each stream. Then lists topic settings that would lose data, and problems with their remedies. Writes nothing.',
  )
    .option('--streams <a,b>', 'only these streams', commaList)
    .option('--json', 'prints one JSON object')
    .option(
      '--check',
      'exits with 1 if a stream has failed, is stale or stalled, or has pending dead letters',
    )
    .option(
      '--max-age <time>',
      'age of the last run after which a stream is stale, such as 90m, 6h or 2d',
      '1d',
    )
    .parse()
    .opts<{ streams?: readonly string[]; json?: true; check?: true; maxAge: string }>();
  const settings = loadSettings();
  const status = await gatherStatus(settings, options.streams, signal, {
    maxAgeMs: duration('--max-age', options.maxAge),
    watchMs: WATCH_MS,
  });
  if (options.json === true) print(`${statusJson(status, settings)}\n`);
  else if (status.streams.length > 0 || status.failures.length === 0)
    print(`${statusText(status, widthOf(process.stdout))}\n`);
  for (const failure of status.failures) print(`${failure}\n`, process.stderr);
  // Without any stream, the check fails too.
  const isBad = status.streams.length === 0 || status.streams.some(({ problems }) => problems.length > 0);
  return status.failures.length > 0 || (options.check === true && isBad)
    ? exitCodes.someWorkFailed
    : exitCodes.done;
});
