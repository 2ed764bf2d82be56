import { randomUUID } from 'node:crypto';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError, FencedError, RetriableError } from '../core/errors.ts';
import { startMonitoring } from '../core/monitoring.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { streams } from '../producers/chartmogul/streams.ts';
import { chooseStreams, knownStreams, namesIn } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import { ProducerHealth } from '../producers/report/producer-health.ts';
import { ProducerMetrics } from '../producers/report/producer-metrics.ts';
import { runSummary } from '../producers/report/run-summary.ts';
import { isRunMissing } from '../producers/run/missing-run.ts';
import { runOnSchedule } from '../producers/run/run-on-schedule.ts';
import { cronSchedule, everySchedule, type Schedule } from '../producers/run/schedule.ts';
import { ScheduleCounts } from '../producers/report/schedule-counts.ts';
import { hasFailed } from '../producers/report/stream-counts.ts';
import { print } from '../core/terminal/terminal.ts';

interface Options {
  readonly streams?: string;
  readonly every?: string;
  readonly cron?: string;
  readonly full?: true;
  readonly takeOver?: true;
  readonly allowMassDelete?: true;
}

/**
 * Exits 9 s after the signal even if Kafka does not respond. This is safe: the next run reads the
 * pages of the open transaction again.
 */
const stopping = { maxStopMs: 9_000 };

await runMain(async (signal) => {
  const options = createCommand(
    'produce',
    'Reads the streams of ChartMogul and sends new, changed and deleted records to Kafka. Resumes an interrupted run.',
  )
    .option(
      '--streams <a,b>',
      `only these streams and their parents: ${streams.map(({ name }) => name).join(', ')}`,
    )
    .option('--every <time>', 'repeats the run at this interval, such as 15m or 6h, until stopped')
    .option('--cron <expression>', 'runs at these times (UTC), such as "0 * * * *", until stopped')
    .option('--full', 'visits all parents and sends every record, changed or not')
    .option('--take-over', 'ends an active run on the same streams; without this option, the new run exits')
    .option(
      '--allow-mass-delete',
      'deletes records even if a stream loses more than MASS_DELETE_PERCENT of its records',
    )
    .parse()
    .opts<Options>();
  const schedule = chooseSchedule(options);
  const settings = loadSettings();
  const specs = chooseStreams(knownStreams(settings), options.streams);
  const scheduled = new ScheduleCounts();
  const metrics = new ProducerMetrics(
    specs.map(({ name }) => name),
    scheduled,
  );
  const health = new ProducerHealth();

  // Only the first scheduled run takes over. Otherwise two processes would end each other's runs.
  let isTakingOver = options.takeOver === true;
  const run = async (id: string) => {
    const runOptions = {
      run: id,
      isFull: options.full === true,
      isMassDeleteAllowed: options.allowMassDelete === true,
      asked: namesIn(options.streams),
      isTakingOver,
    };
    const counts = await health.during((follow) =>
      produce(settings, specs, signal, runOptions, (live) => {
        metrics.follow(live);
        follow(live);
      }),
    );
    isTakingOver = false;
    print(`${runSummary(counts, process.stdout.columns)}\n`);
    // Another run has taken over.
    const fenced = counts.find(({ failure }) => failure instanceof FencedError)?.failure;
    if (schedule !== undefined && fenced !== undefined) throw fenced;
    return counts;
  };
  const monitoring = await startMonitoring(settings, 'produce', metrics.registry, health);
  try {
    if (schedule !== undefined) {
      const runs = {
        schedule,
        counts: scheduled,
        run: async (id: string) =>
          (await run(id)).some(({ failure }) => failure instanceof RetriableError) ? 'unavailable' : 'done',
        isRunMissing: (since: Date) => isRunMissing(settings, since, signal),
      } as const;
      await runOnSchedule(runs, signal);
      return exitCodes.done;
    }
    const counts = await run(randomUUID());
    signal.throwIfAborted();
    return counts.some(hasFailed) ? exitCodes.someWorkFailed : exitCodes.done;
  } finally {
    await monitoring.close();
  }
}, stopping);

function chooseSchedule({ every, cron }: Options): Schedule | undefined {
  if (every !== undefined && cron !== undefined)
    throw new ConfigError('--every and --cron must not be given together');
  if (every !== undefined) return everySchedule(every);
  return cron === undefined ? undefined : cronSchedule(cron);
}
