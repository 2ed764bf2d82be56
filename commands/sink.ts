import { loadSettings } from '../core/settings/config.ts';
import { commaList } from '../core/settings/setting-values.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { sinkSummary } from '../consumers/report/sink-summary.ts';
import { sink } from '../consumers/run/sink.ts';
import { print } from '../core/terminal/terminal.ts';

/**
 * Exits 9 s after the signal even if a service does not respond. This is safe: the next run reads
 * the resume offsets from the table.
 */
const stopping = { maxStopMs: 9_000 };

await runMain(async (signal) => {
  const { streams, untilCaughtUp = false } = createCommand(
    'sink',
    'Copies topics to ClickHouse tables until stopped.',
  )
    .option('--streams <a,b>', 'only these streams', commaList)
    .option(
      '--until-caught-up',
      'exits once every partition has reached the end offset that it had at the start',
    )
    .parse()
    .opts<{ streams?: readonly string[]; untilCaughtUp?: boolean }>();
  const counts = await sink(loadSettings(), { streams, untilCaughtUp }, signal);
  print(`${sinkSummary(counts)}\n`);
  const isCutShort = signal.aborted && untilCaughtUp;
  return isCutShort || counts.some(({ failure }) => failure !== undefined)
    ? exitCodes.someWorkFailed
    : exitCodes.done;
}, stopping);
