import { randomUUID } from 'node:crypto';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError, FencedError } from '../core/errors.ts';
import { serveMetrics } from '../core/metrics-server.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { streams } from '../producers/chartmogul/streams.ts';
import { chooseStreams, knownStreams, namesIn } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import { ProducerMetrics } from '../producers/report/producer-metrics.ts';
import { runSummary } from '../producers/report/run-summary.ts';
import { cronSchedule, everySchedule, runOnSchedule, type Schedule } from '../producers/run/schedule.ts';
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

/** Kafka may be away when we are told to stop: then the transaction in hand is left to the next run. */
const stopping = { maxStopMs: 9_000 };

await runMain(async (signal) => {
  const options = createCommand(
    'produce',
    'Reads the streams of ChartMogul and sends to Kafka what is new, changed or deleted. A run that was interrupted is gone on with.',
  )
    .option('--streams <a,b>', `only these streams, of: ${streams.map(({ name }) => name).join(', ')}`)
    .option('--every <time>', 'again and again, such as every 15m or 6h, until stopped')
    .option('--cron <expression>', 'at these times (UTC), such as "0 * * * *", until stopped')
    .option('--full', 'send every record, whether it changed or not')
    .option('--take-over', 'end a run that is active on the same streams; without it this one gives way')
    .option('--allow-mass-delete', 'delete however much of a stream is gone from ChartMogul')
    .parse()
    .opts<Options>();
  const schedule = chooseSchedule(options);
  const settings = loadSettings();
  const specs = chooseStreams(knownStreams(settings), options.streams);
  const metrics = new ProducerMetrics(specs.map(({ name }) => name));

  // Of a process that stays only its first pass, or two of them would end each other again and again.
  let isTakingOver = options.takeOver === true;
  const run = async () => {
    const counts = await produce(
      settings,
      specs,
      signal,
      {
        run: randomUUID(),
        isFull: options.full === true,
        isMassDeleteAllowed: options.allowMassDelete === true,
        asked: namesIn(options.streams),
        isTakingOver,
      },
      (live) => metrics.follow(live),
    );
    isTakingOver = false;
    print(`${runSummary(counts, process.stdout.columns)}\n`);
    // Another run has taken over, and is to stay.
    const fenced = counts.find(({ failure }) => failure instanceof FencedError)?.failure;
    if (schedule !== undefined && fenced !== undefined) throw fenced;
    return counts.some(hasFailed) ? exitCodes.someWorkFailed : exitCodes.done;
  };
  const server = await serveMetrics(settings.metricsPort, metrics.registry);
  try {
    if (schedule !== undefined) {
      await runOnSchedule(schedule, signal, run);
      return exitCodes.done;
    }
    const exitCode = await run();
    signal.throwIfAborted();
    return exitCode;
  } finally {
    await server.close();
  }
}, stopping);

function chooseSchedule({ every, cron }: Options): Schedule | undefined {
  if (every !== undefined && cron !== undefined)
    throw new ConfigError('--every and --cron are both given, want only one');
  if (every !== undefined) return everySchedule(every);
  return cron === undefined ? undefined : cronSchedule(cron);
}
