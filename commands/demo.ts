import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { sinkSummary } from '../consumers/report/sink-summary.ts';
import { sink } from '../consumers/run/sink.ts';
import type { SinkCounts } from '../consumers/report/sink-counts.ts';
import { createClickHouse } from '../core/clickhouse/client.ts';
import { loadSettings, type Settings } from '../core/settings/config.ts';
import { ensureLocalCredentials } from '../core/settings/local-credentials.ts';
import { tighten } from '../core/private-files.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { readOnlyQuery } from '../core/clickhouse/read-only-query.ts';
import { Secret } from '../core/settings/secret.ts';
import { several } from '../core/terminal/amounts.ts';
import { knownStreams } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import { runSummary } from '../producers/report/run-summary.ts';
import { hasFailed, type StreamCounts } from '../producers/report/stream-counts.ts';
import { withLock } from '../services/command-lock.ts';
import { freePort } from '../services/local-address.ts';
import { startServices, stopServices } from '../services/local-services.ts';
import { lastMonday } from '../simulator/options.ts';
import { listen } from '../simulator/server.ts';
import { createSimulator } from '../simulator/simulator.ts';
import { demoQuestions } from './demo-questions.ts';
import { print } from '../core/terminal/terminal.ts';

const CUSTOMERS = 2_000;

/**
 * The demo's simulator has no rate limit. At the default rate, two requests per customer would take
 * minutes.
 */
const REQUESTS_PER_SECOND = 5_000;

await runMain(async (signal) => {
  createCommand(
    'demo',
    `Runs the whole pipeline on this machine with ${CUSTOMERS} simulated customers, on free ports and with its own data folder.`,
  ).parse();
  const parent = loadSettings().dataDir;
  tighten(parent);
  const dataDir = `${parent}/demo`;
  const lock = `${dataDir}/demo.lock`;
  if (existsSync(lock)) say('Waiting for the lock of another demo …');
  return withLock(lock, signal, () => demonstrate(dataDir, signal));
});

async function demonstrate(dataDir: string, signal: AbortSignal): Promise<ExitCode> {
  const startMs = performance.now();
  const account = { customers: CUSTOMERS, seed: 1, today: lastMonday(Date.now()), rateLimit: 0 };
  const simulator = await listen(createSimulator(account), 0);
  const settings = await demoSettings(simulator.baseUrl, dataDir);
  try {
    say(`Starting Kafka, the schema registry and ClickHouse in ${settings.dataDir} …`);
    // Stops services that the user started after an earlier demo, because they use other ports.
    await stopServices(settings);
    await startServices(settings, signal);
    say(`Reading ${CUSTOMERS} customers from the ChartMogul simulator into Kafka …`);
    const produced = await produce(settings, knownStreams(settings), signal);
    say('Copying the topics to ClickHouse …');
    const sunk = await sink(settings, { streams: undefined, untilCaughtUp: true }, signal);
    print(`${runSummary(produced, process.stdout.columns)}\n\n${sinkSummary(sunk)}\n`);
    await answerQuestions(settings, signal);
    const failures =
      produced.filter(hasFailed).length + sunk.filter(({ failure }) => failure !== undefined).length;
    const seconds = Math.round((performance.now() - startMs) / 1000);
    print(
      `\n${totals(produced, sunk)}, ${seconds} seconds, ${several(failures, 'failure')}\n${nextSteps(settings)}\n`,
    );
    return failures === 0 ? exitCodes.done : exitCodes.someWorkFailed;
  } finally {
    say('Stopping the services …');
    await Promise.all([simulator.close(), stopServices(settings)]);
  }
}

/**
 * Returns settings that do not interfere with other services: free ports and the demo's own data
 * folder.
 */
async function demoSettings(baseUrl: string, dataDir: string): Promise<Settings> {
  const settings = loadSettings();
  const [kafka, registry, clickhouse] = [await freePort(), await freePort(), await freePort()];
  const clickhouseUrl = `http://127.0.0.1:${clickhouse}`;
  return {
    ...settings,
    chartmogul: { apiKey: new Secret('demo'), baseUrl, maxRequestsPerSecond: REQUESTS_PER_SECOND },
    kafka: {
      brokers: [`127.0.0.1:${kafka}`],
      tls: undefined,
      sasl: undefined,
      topicPartitions: settings.kafka.topicPartitions,
    },
    schemaRegistry: { url: `http://127.0.0.1:${registry}`, credentials: undefined },
    clickhouse: {
      ...settings.clickhouse,
      url: clickhouseUrl,
      credentials: ensureLocalCredentials(dataDir, clickhouseUrl),
      cluster: undefined,
    },
    dataDir,
  };
}

async function answerQuestions({ clickhouse }: Settings, signal: AbortSignal): Promise<void> {
  const client = createClickHouse(clickhouse);
  try {
    for (const { question, sql } of demoQuestions) {
      const format = 'PrettyCompactMonoBlock';
      const { stream } = await readOnlyQuery(client, clickhouse, { sql, format, signal });
      print(`\n${question}\n${await text(stream)}`);
    }
  } finally {
    await client.close();
  }
}

function totals(produced: readonly StreamCounts[], sunk: readonly SinkCounts[]): string {
  const streams = produced.filter(({ isAbsent }) => !isAbsent).length;
  const pages = produced.reduce((sum, counts) => sum + counts.pages, 0);
  const records = produced.reduce((sum, counts) => sum + counts.records, 0);
  const rows = sunk.reduce((sum, counts) => sum + counts.rows, 0);
  return `${streams} streams, ${pages} pages, ${records} records, ${sunk.length} topics including runs, ${rows} rows`;
}

/** Returns commands with the ports of this run, because the default ports may be in use. */
function nextSteps({ dataDir, kafka, schemaRegistry, clickhouse }: Settings): string {
  return [
    'To query the data again, or see it in the browser:',
    `  export DATA_DIR=${dataDir} KAFKA_BROKERS=${kafka.brokers.join(',')}`,
    `  export SCHEMA_REGISTRY_URL=${schemaRegistry.url} CLICKHOUSE_URL=${clickhouse.url}`,
    '  npm run services -- up',
    '  npm run query -- "SELECT * FROM customers LIMIT 3 FORMAT Vertical"',
    '  npm run show',
  ].join('\n');
}

function say(line: string): void {
  print(`${line}\n`, process.stderr);
}
