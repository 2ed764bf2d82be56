import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { parseFrom } from '../operations/replay/parse-from.ts';
import { planReplays, replay } from '../operations/replay/replay.ts';
import { failureLines, planSummary, replaySummary } from '../operations/replay/replay-summary.ts';
import { print } from '../core/terminal/terminal.ts';

interface Options {
  readonly streams?: string;
  readonly from: string;
  readonly dryRun?: true;
}

await runMain(async (signal) => {
  const options = createCommand(
    'replay',
    'Rebuilds tables from their topics. Readers see the old table until the new one takes its place; a sink may go on meanwhile.',
  )
    .option('--streams <a,b>', 'only these streams; all that have messages without it')
    .option('--from <time>', 'an ISO time: rows older than it are kept as they are', 'beginning')
    .option('--dry-run', 'print what would be done: messages, bytes, time')
    .parse()
    .opts<Options>();
  const streams = options.streams?.split(',').map((name) => name.trim());
  const duplicate = streams?.find((name, index) => streams.indexOf(name) !== index);
  if (duplicate !== undefined) throw new ConfigError(`--streams names "${duplicate}" twice`);
  const wishes = { streams, from: parseFrom(options.from, Date.now()) };
  if (options.dryRun === true) {
    print(`${planSummary(await planReplays(loadSettings(), wishes, signal))}\n`);
    return exitCodes.done;
  }
  const counts = await replay(loadSettings(), wishes, signal);
  const failures = failureLines(counts);
  // Where nothing at all was done a table would say nothing.
  if (failures.length < counts.length) print(`${replaySummary(counts)}\n`);
  print(failures.map((line) => `${line}\n`).join(''), process.stderr);
  return counts.some(({ failure }) => failure !== undefined) ? exitCodes.someWorkFailed : exitCodes.done;
});
