import { ChartMogulClient } from '../producers/chartmogul/client.ts';
import { Registry } from '../core/avro/registry.ts';
import { createClickHouse, probeClickHouse } from '../core/clickhouse.ts';
import { loadSettings, type Settings } from '../core/config.ts';
import { messageOf } from '../core/errors.ts';
import { connectAdmin } from '../core/kafka.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { probeRetry } from '../core/retry.ts';

/** Tries one service; gives what to say of it when it works, throws what to say when it does not. */
type Check = (settings: Settings, signal: AbortSignal) => Promise<string>;

const localCure = 'for local services run `npm run services -- up`';

const checks: Readonly<Record<string, { check: Check; cure: string }>> = {
  chartmogul: { check: checkChartMogul, cure: '' },
  kafka: { check: checkKafka, cure: localCure },
  registry: { check: checkRegistry, cure: localCure },
  clickhouse: { check: checkClickHouse, cure: localCure },
};

await runMain(async (signal) => {
  createCommand('ping', 'Tries the ChartMogul key, Kafka, the schema registry and ClickHouse.').parse();
  const settings = loadSettings();
  const outcomes = await Promise.all(
    Object.entries(checks).map(async ([name, { check, cure }]) => {
      try {
        return { name, isWell: true, said: await check(settings, signal) };
      } catch (error) {
        const said = messageOf(error);
        return { name, isWell: false, said: cure === '' ? said : `${said}; ${cure}` };
      }
    }),
  );
  for (const { name, isWell, said } of outcomes) {
    process.stdout.write(`${name.padEnd(11)} ${isWell ? 'ok    ' : 'FAILED'}  ${said}\n`);
  }
  return outcomes.every(({ isWell }) => isWell) ? exitCodes.done : exitCodes.someWorkFailed;
});

async function checkChartMogul({ chartmogul }: Settings, signal: AbortSignal): Promise<string> {
  const client = new ChartMogulClient(chartmogul, signal, probeRetry);
  try {
    await client.get('/ping');
    const { name, currency } = await client.get('/account');
    return [chartmogul.baseUrl, name, currency].filter((part) => typeof part === 'string').join(', ');
  } finally {
    await client.close();
  }
}

async function checkKafka({ kafka }: Settings, signal: AbortSignal): Promise<string> {
  const admin = await connectAdmin(kafka, 'ping', signal);
  try {
    const { brokers } = await admin.describeCluster();
    return `${kafka.brokers.join(',')}, ${brokers.length} broker${brokers.length === 1 ? '' : 's'}`;
  } finally {
    await admin.disconnect();
  }
}

async function checkRegistry({ schemaRegistry }: Settings, signal: AbortSignal): Promise<string> {
  await new Registry(schemaRegistry, signal).probe(probeRetry);
  return schemaRegistry.url;
}

async function checkClickHouse({ clickhouse }: Settings, signal: AbortSignal): Promise<string> {
  const client = createClickHouse(clickhouse);
  try {
    return `${clickhouse.url}, version ${await probeClickHouse(client, clickhouse, signal)}`;
  } finally {
    await client.close();
  }
}
