import { loadSettings } from '../core/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { streams, type StreamSpec } from './chartmogul/streams.ts';
import { produce } from './produce.ts';
import { runSummary } from './run-summary.ts';
import { cronSchedule, everySchedule, runOnSchedule, type Schedule } from './schedule.ts';
import { hasFailed } from './stream-counts.ts';

interface Options {
  readonly streams?: string;
  readonly every?: string;
  readonly cron?: string;
}

await runMain(async (signal) => {
  const options = createCommand('produce', 'Reads the streams of ChartMogul and sends them to Kafka.')
    .option('--streams <a,b>', `only these streams, of: ${streams.map(({ name }) => name).join(', ')}`)
    .option('--every <time>', 'again and again, such as every 15m or 6h, until stopped')
    .option('--cron <expression>', 'at these times (UTC), such as "0 * * * *", until stopped')
    .parse()
    .opts<Options>();
  const specs = chooseStreams(options.streams);
  const schedule = chooseSchedule(options);
  const settings = loadSettings();

  const run = async () => {
    const counts = await produce(settings, specs, signal);
    process.stdout.write(`${runSummary(counts)}\n`);
    return counts.some(hasFailed) ? exitCodes.someWorkFailed : exitCodes.done;
  };
  if (schedule === undefined) return run();
  await runOnSchedule(schedule, signal, run);
  return exitCodes.done;
});

function chooseStreams(list: string | undefined): readonly StreamSpec[] {
  if (list === undefined) return streams;
  const names = list.split(',').map((name) => name.trim());
  return [...new Set(names)].map((name) => {
    const spec = streams.find((candidate) => candidate.name === name);
    if (spec !== undefined) return spec;
    throw new ConfigError(
      `--streams got "${name}", wants some of ${streams.map((stream) => stream.name).join(', ')}`,
    );
  });
}

function chooseSchedule({ every, cron }: Options): Schedule | undefined {
  if (every !== undefined && cron !== undefined)
    throw new ConfigError('--every and --cron are both given, want only one');
  if (every !== undefined) return everySchedule(every);
  return cron === undefined ? undefined : cronSchedule(cron);
}
