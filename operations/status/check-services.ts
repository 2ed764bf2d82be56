import { asReader, createClickHouse, probeClickHouse } from '../../core/clickhouse/client.ts';
import { withAvailableServices, type Services } from '../../core/connections.ts';
import { messageOf, StreamNotFoundError, UnexpectedAnswerError } from '../../core/errors.ts';
import { foreignText } from '../../core/http/foreign-text.ts';
import { probeRetry } from '../../core/retry.ts';
import type { Settings } from '../../core/settings/config.ts';
import { several } from '../../core/terminal/amounts.ts';
import { ChartMogulClient } from '../../producers/chartmogul/client.ts';
import { isAbsence } from '../../producers/chartmogul/stream-source.ts';

/** The result for one service: a description if it works, otherwise the error. */
export type ServiceCheck =
  | { readonly name: string; readonly description: string }
  | { readonly name: string; readonly error: unknown };

/**
 * Checks the ChartMogul key, Kafka, the registry, ClickHouse and, if there is one, the user for
 * queries.
 * @throws the signal's reason.
 */
export async function checkServices(settings: Settings, signal: AbortSignal): Promise<ServiceCheck[]> {
  const { chartmogul, clickhouse } = settings;
  const [source, others, reader] = await Promise.all([
    check('chartmogul', () => describeChartMogul(chartmogul, signal)),
    checkOwnServices(settings, signal),
    ...(clickhouse.reader === undefined ? [] : [check('reader', () => describeReader(clickhouse, signal))]),
  ]);
  signal.throwIfAborted();
  return [source, ...others, ...(reader === undefined ? [] : [reader])];
}

async function check(name: string, describe: () => Promise<string>): Promise<ServiceCheck> {
  try {
    return { name, description: await describe() };
  } catch (error) {
    return { name, error };
  }
}

function checkOwnServices(settings: Settings, signal: AbortSignal): Promise<ServiceCheck[]> {
  const { kafka, schemaRegistry, clickhouse } = settings;
  const errors = new Map<keyof Services, unknown>();
  const onUnavailable = (error: unknown, service: keyof Services) => errors.set(service, error);
  return withAvailableServices(settings, 'ping', signal, onUnavailable, ({ admin, database }) =>
    Promise.all([
      check('kafka', async () => {
        if (admin === undefined) throw errors.get('admin');
        const { length } = await admin.brokerIds();
        return [kafka.brokers.join(','), several(length, 'broker'), ...protectionOf(kafka)].join(', ');
      }),
      check('registry', () => {
        if (errors.has('registry')) throw errors.get('registry');
        return Promise.resolve(schemaRegistry.url);
      }),
      check('clickhouse', () => {
        if (database === undefined) throw errors.get('database');
        return Promise.resolve(`${clickhouse.url}, version ${database.version}`);
      }),
    ]),
  );
}

/** Describes the encryption and the user of the connection. */
function protectionOf({ tls, sasl }: Settings['kafka']): string[] {
  return [
    ...(tls === undefined ? [] : [tls.client === undefined ? 'TLS' : 'TLS with a client certificate']),
    ...(sasl === undefined ? [] : [`${userOf(sasl)} (${sasl.mechanism})`]),
  ];
}

function userOf(sasl: NonNullable<Settings['kafka']['sasl']>): string {
  return sasl.mechanism === 'oauthbearer' ? `client ${sasl.oauth.clientId}` : `user ${sasl.username}`;
}

async function describeReader(clickhouse: Settings['clickhouse'], signal: AbortSignal): Promise<string> {
  const settings = asReader(clickhouse);
  const client = createClickHouse(settings);
  try {
    await probeClickHouse(client, settings, signal);
    return `${clickhouse.url}, the user for queries`;
  } finally {
    await client.close();
  }
}

async function describeChartMogul(chartmogul: Settings['chartmogul'], signal: AbortSignal): Promise<string> {
  const client = new ChartMogulClient(chartmogul, signal, probeRetry);
  try {
    await client.get('/ping').catch((error: unknown) => {
      if (!(error instanceof StreamNotFoundError)) throw error;
      const address = `${chartmogul.baseUrl} (CHARTMOGUL_BASE_URL)`;
      throw new UnexpectedAnswerError(
        `${address} has no /ping: check that it is the address of the API and ends in /v1`,
      );
    });
    const { name, currency } = await client.get('/account').catch((error: unknown) => {
      // The key is valid. Its other permissions do not matter here.
      if (isAbsence(error)) return { name: messageOf(error), currency: null };
      throw error;
    });
    const account = [name, currency].filter((part) => typeof part === 'string');
    return [chartmogul.baseUrl, ...account.map((part) => foreignText(part))].join(', ');
  } finally {
    await client.close();
  }
}
