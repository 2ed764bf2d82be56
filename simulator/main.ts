import { once } from 'node:events';
import { InvalidArgumentError, Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import { loadSettings, type Settings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { several } from '../core/terminal/amounts.ts';
import { date } from './data/instant.ts';
import { lastRevision } from './data/key.ts';
import { lastMonday, standardOptions as standard, type SimulatorOptions } from './options.ts';
import { listen } from './server.ts';
import { createSimulator, type Simulator } from './simulator.ts';
import { sendEvents } from './webhook.ts';
import { print } from '../core/terminal/terminal.ts';

const limit = integer(0, 1_000_000);

const command = createCommand(
  'simulate',
  'Simulates a ChartMogul account and its API on this machine, in the foreground.',
)
  .option('--port <port>', 'port on 127.0.0.1; 0 picks a free one', integer(0, 65_535), 4010)
  .option('--customers <n>', 'number of customers', integer(0, 100_000_000), standard.customers)
  .option('--seed <n>', 'seed of the generated account', integer(0, 2 ** 32 - 1), standard.seed)
  .option('--today <date>', 'day on which the history ends (default: the last Monday)', dayOf)
  .option(
    '--rate-limit <n>',
    'maximum requests per second; any more get a 429; 0 for no limit',
    limit,
    standard.rateLimit,
  )
  .option('--retry-after <seconds>', 'sends this Retry-After with every 429', integer(0, 3600))
  .option(
    '--connection-limit <n>',
    'maximum concurrent requests; any more get a 503; 0 for no limit',
    limit,
    standard.connectionLimit,
  )
  .option('--latency <ms>', 'waits this long before every response', integer(0, 600_000), standard.latency)
  .option(
    '--faults <share>',
    'share of requests that fail (0 to 1), each in one of eight ways',
    share,
    standard.faults,
  )
  .addOption(
    new Option(
      '--activities-cursor <kind>',
      'faulty: each page of /activities skips the next row, as observed in the real API',
    )
      .choices(['faulty', 'sound'])
      .default(standard.activitiesCursor),
  )
  .addOption(
    new Option(
      '--dlt-addresses [paging]',
      "serves the endpoints that dltHub's documentation lists, paged by cursor or by page number",
    )
      .choices(['cursor', 'pages'])
      .preset('cursor'),
  )
  .option(
    '--import-polls <n>',
    'number of polls after which an import is completed',
    integer(1, 1000),
    standard.importPolls,
  )
  .option(
    '--import-failures <share>',
    'share of customers whose records an import rejects',
    share,
    standard.importFailures,
  )
  .addOption(
    new Option(
      '--import-overlaps <kind>',
      'what happens to an import whose customer is also in another, unfinished import',
    )
      .choices(['refused', 'accepted'])
      .default(standard.importOverlaps),
  )
  .option('--keep-pages', 'keeps the pages of lists in memory: for benchmarks', standard.keepPages)
  .option('--allow-page', 'accepts page= instead of returning 400', standard.allowPage)
  .option('--revision <n>', 'revision of the data at the start', integer(0, lastRevision), standard.revision)
  .option(
    '--changes <share>',
    'share of customers that change in each revision; a quarter as many are added',
    share,
    standard.changes,
  )
  .option('--deletes <share>', 'share of all records that each revision deletes', share, standard.deletes)
  .option('--drift', 'adds undeclared fields and values of another type, from revision 1 on', standard.drift)
  .option('--no-float-mrr', 'serves the mrr of ended subscriptions without fractions of a cent')
  .option(
    '--webhook',
    'sends MRR movements to the receiver that WEBHOOK_HOST, WEBHOOK_PORT and WEBHOOK_TOKEN name',
  )
  .option('--webhook-rate <n>', 'MRR movements per second', integer(1, 10_000), 10)
  .option('--webhook-events <n>', 'MRR movements to send (default: all)', integer(1, 1_000_000_000))
  .option('--webhook-duplicates <share>', 'share of MRR movements that are sent twice', share, 0.05)
  .addHelpText(
    'after',
    '\nAccepts only the key in CHARTMOGUL_API_KEY, or any key if it is not set.\n' +
      'While the simulator runs, POST /_simulator/revision {"revision": 1} as\n' +
      'application/json changes the data, and GET /_simulator/stats shows counts.',
  );

await runMain(async (signal): Promise<ExitCode> => {
  command.parse();
  const { port, ...options } = command.opts<Partial<SimulatorOptions> & WebhookFlags & { port: number }>();
  // Every user of the machine can read arguments, so the key and the token are settings.
  const settings = loadSettings();
  const apiKey = settings.chartmogul.apiKey?.reveal();
  const url = options.webhook === true ? webhookUrl(settings) : undefined;
  const simulator = createSimulator({ today: lastMonday(Date.now()), ...options, apiKey });
  const listening = await listen(simulator, port);
  // A configured key is secret and is not printed. Without one, any key is accepted.
  const [shown, exported] =
    apiKey === undefined ? ['any-key', ' CHARTMOGUL_API_KEY=any-key'] : ['"$CHARTMOGUL_API_KEY"', ''];
  print(
    `${listening.baseUrl}  try: curl -u ${shown}: '${listening.baseUrl}/customers?per_page=2', or export CHARTMOGUL_BASE_URL=${listening.baseUrl}${exported}\n`,
  );
  if (url !== undefined) await sendAll(simulator, { ...options, url }, signal);
  if (!signal.aborted) await once(signal, 'abort');
  await listening.close();
  return exitCodes.done;
});

interface WebhookFlags {
  readonly webhook?: true;
  readonly webhookRate: number;
  readonly webhookEvents?: number;
  readonly webhookDuplicates: number;
}

function webhookUrl({ webhook: { host, port, token } }: Settings): string {
  if (token === undefined)
    throw new ConfigError('--webhook requires WEBHOOK_TOKEN or WEBHOOK_TOKEN_FILE, as `webhook` does');
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/chartmogul/${token.reveal()}`;
}

/** Sends the events and prints the counts, unless the signal aborts. */
async function sendAll(
  simulator: Simulator,
  {
    url,
    webhookRate: rate,
    webhookEvents: count,
    webhookDuplicates: duplicates,
  }: WebhookFlags & { url: string },
  signal: AbortSignal,
): Promise<void> {
  const options = { url, rate, count, duplicates, firstRetryMs: 1_000, seed: simulator.options.seed };
  try {
    const {
      sent,
      duplicates: twice,
      retries,
      failed,
    } = await sendEvents(simulator.events(), options, signal);
    print(
      `webhook: ${several(sent, 'event')} sent, ${twice} of them twice; retries: ${retries}; failed: ${failed}\n`,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function integer(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`must be an integer from ${low} to ${high}`);
  };
}

function dayOf(text: string): number {
  const day = Date.parse(text);
  if (!Number.isNaN(day) && date(day) === text) return day;
  throw new InvalidArgumentError('must be a date such as 2026-10-01');
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('must be a share from 0 to 1');
}
