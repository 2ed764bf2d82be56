import { ChartMogulClient } from '../producers/chartmogul/client.ts';
import { isAbsence } from '../producers/chartmogul/stream-source.ts';
import { withConnections } from '../core/connections.ts';
import { loadSettings, type Settings } from '../core/settings/config.ts';
import { ConfigError, messageOf, StreamNotFoundError, UnexpectedAnswerError } from '../core/errors.ts';
import { foreignText } from '../core/http/foreign-text.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { probeRetry } from '../core/retry.ts';
import { print } from '../core/terminal/terminal.ts';

/** Checks one service. Returns a description of it, or throws why it does not work. */
type Check = (settings: Settings, signal: AbortSignal) => Promise<string>;

const checks: Readonly<Record<string, Check>> = {
  chartmogul: checkChartMogul,
  kafka: checkKafka,
  registry: checkRegistry,
  clickhouse: checkClickHouse,
};

await runMain(async (signal) => {
  createCommand('ping', 'Tries the ChartMogul key, Kafka, the schema registry and ClickHouse.').parse();
  const settings = loadSettings();
  const outcomes = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        return { name, exitCode: exitCodes.done, said: await check(settings, signal) };
      } catch (error) {
        // A setting that the user has to change ends every command with 2.
        const exitCode = error instanceof ConfigError ? exitCodes.wrongSettings : exitCodes.someWorkFailed;
        return { name, exitCode, said: messageOf(error) };
      }
    }),
  );
  for (const { name, exitCode, said } of outcomes) {
    print(`${name.padEnd(11)} ${exitCode === exitCodes.done ? 'ok    ' : 'FAILED'}  ${said}\n`);
  }
  const worst = Math.max(...outcomes.map(({ exitCode }) => exitCode));
  return outcomes.find(({ exitCode }) => exitCode === worst)?.exitCode ?? exitCodes.done;
});

async function checkChartMogul({ chartmogul }: Settings, signal: AbortSignal): Promise<string> {
  const client = new ChartMogulClient(chartmogul, signal, probeRetry);
  try {
    await client.get('/ping').catch((error: unknown) => {
      if (!(error instanceof StreamNotFoundError)) throw error;
      const address = `${chartmogul.baseUrl} (CHARTMOGUL_BASE_URL)`;
      throw new UnexpectedAnswerError(
        `${address} has no /ping: is it the address of the API, and does it end in /v1?`,
      );
    });
    const { name, currency } = await client.get('/account').catch((error: unknown) => {
      // The key is valid. What else it may read does not matter here.
      if (isAbsence(error)) return { name: messageOf(error), currency: null };
      throw error;
    });
    const said = [name, currency].filter((part) => typeof part === 'string');
    return [chartmogul.baseUrl, ...said.map((part) => foreignText(part))].join(', ');
  } finally {
    await client.close();
  }
}

async function checkKafka(settings: Settings, signal: AbortSignal): Promise<string> {
  return withConnections(settings, { name: 'ping', needs: ['admin'] }, signal, async ({ admin }) => {
    const { length } = await admin.brokerIds();
    return `${settings.kafka.brokers.join(',')}, ${length} broker${length === 1 ? '' : 's'}`;
  });
}

async function checkRegistry(settings: Settings, signal: AbortSignal): Promise<string> {
  return withConnections(settings, { name: 'ping', needs: ['registry'] }, signal, () =>
    Promise.resolve(settings.schemaRegistry.url),
  );
}

async function checkClickHouse(settings: Settings, signal: AbortSignal): Promise<string> {
  const role = { name: 'ping', needs: ['database'] } as const;
  return withConnections(
    settings,
    role,
    signal,
    async ({ database }) => `${settings.clickhouse.url}, version ${await database.version()}`,
  );
}
