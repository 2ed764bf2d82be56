import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { commaList } from '../core/settings/setting-values.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { parseFrom } from '../operations/replay/parse-from.ts';
import { planReplays, replay } from '../operations/replay/replay.ts';
import type { ReplayCounts } from '../operations/replay/replay-counts.ts';
import { replayLines } from '../operations/replay/replay-progress.ts';
import { failureLines, planSummary, replaySummary } from '../operations/replay/replay-summary.ts';
import { drawLive, liveLines } from '../core/terminal/live-lines.ts';
import { print } from '../core/terminal/terminal.ts';

await runMain(async (signal) => {
  const { streams, from, dryRun } = createCommand(
    'replay',
    'Rebuilds tables from their topics. Readers see the old table until the new one replaces it. Sinks may keep running.',
  )
    .option('--streams <a,b>', 'only these streams (default: all streams with messages)', commaList)
    .option(
      '--from <time>',
      'ISO time from which messages are replayed; older rows stay unchanged',
      'beginning',
    )
    .option('--dry-run', 'prints an estimate of messages, bytes and time, and changes nothing')
    .parse()
    .opts<{ streams?: readonly string[]; from: string; dryRun?: true }>();
  const duplicate = streams?.find((name, index) => streams.indexOf(name) !== index);
  if (duplicate !== undefined)
    throw new ConfigError(`--streams must name each stream once; got "${duplicate}" twice`);
  const request = { streams, from: parseFrom(from, Date.now()) };
  if (dryRun === true) {
    print(`${planSummary(await planReplays(loadSettings(), request, signal))}\n`);
    return exitCodes.done;
  }
  const settings = loadSettings();
  const counts: ReplayCounts[] = [];
  const drawn = drawLive(process.stderr, liveLines, (width, rows) =>
    replayLines(counts, performance.now(), width, rows - 1),
  );
  await replay(settings, request, signal, counts).finally(() => drawn.stop());
  const failures = failureLines(counts);
  // If every stream failed, the summary would have no results to show.
  if (failures.length < counts.length) print(`${replaySummary(counts)}\n`);
  print(failures.map((line) => `${line}\n`).join(''), process.stderr);
  return counts.some(({ failure }) => failure !== undefined) ? exitCodes.someWorkFailed : exitCodes.done;
});
