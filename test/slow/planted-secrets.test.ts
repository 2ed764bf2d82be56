import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { freePort } from '../../services/local-address.ts';
import {
  createEchoingServer,
  formsOf,
  misbehaviours,
  outputOf,
  processTexts,
  type EchoingServer,
} from '../helpers/planted-secrets.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const secrets = {
  apiKey: 'pl4nted-api+key/"1&%2x',
  clickhouse: 'pl4nted-click+house/"1&%2x',
  reader: 'pl4nted-rea+der/"1&%2x',
  mcp: 'pl4nted-mcp+token/"1&%2x',
  registry: 'pl4nted-reg+istry/"1&%2x',
  kafka: 'pl4nted-kaf+ka/"1&%2x',
  proxy: 'pl4nted-proxy-1x2y3z',
  oauth: 'pl4nted-oau+th/"1&%2x',
  keyPassword: 'pl4nted-key+password/"1&%2x',
  webhook: 'pl4nted-webhook-1x2y3z',
  show: 'pl4nted-sho+w/"1&%2x',
};

const forms = Object.entries(secrets).flatMap(([name, secret]) =>
  formsOf(secret).map((form) => ({ name, form })),
);

/** Fails with the name of the secret, never with the surrounding text. */
function assertShowsNone(where: string, shown: string): void {
  for (const { name, form } of forms)
    assert.ok(!shown.includes(form), `${where} shows the secret ${name} as ${JSON.stringify(form)}`);
}

const commands: Readonly<Record<string, readonly string[]>> = {
  ping: ['commands/ping.ts'],
  produce: ['commands/produce.ts', '--streams', 'plans,customers,account'],
  sink: ['commands/sink.ts', '--until-caught-up'],
  status: ['commands/status.ts'],
  'status --json': ['commands/status.ts', '--json'],
  query: ['commands/query.ts', 'SELECT count() FROM plans'],
  reconcile: ['commands/reconcile.ts', '--streams', 'plans'],
  'reconcile --source': ['commands/reconcile.ts', '--source', '--streams', 'plans'],
  replay: ['commands/replay.ts', '--streams', 'plans'],
  'dead-letters': ['commands/dead-letters.ts', 'list', '--json'],
};

interface Planted {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly api: EchoingServer;
  readonly registry: EchoingServer;
  readonly clickhouse: EchoingServer;
  /** The folder for files that the commands in this test may write. */
  readonly dataDir: string;
}

async function plant(t: TestContext): Promise<Planted> {
  const { baseUrl } = await createSimulatorServer(t, { customers: 5, apiKey: 'test-key' });
  const settings = createSettings(t, baseUrl);
  const basic = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });
  const { credentials } = settings.clickhouse;
  const api = await createEchoingServer(t, baseUrl, basic('test-key', ''));
  const registry = await createEchoingServer(t, settings.schemaRegistry.url, {});
  const clickhouse = await createEchoingServer(
    t,
    settings.clickhouse.url,
    credentials === undefined ? {} : basic(credentials.username, credentials.password.reveal()),
  );
  const dataDir = await mkdtemp(join(tmpdir(), 'chartmogul-planted-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const env = {
    ...environmentOf(settings),
    HOME: process.env['HOME'],
    CHARTMOGUL_API_KEY: secrets.apiKey,
    CHARTMOGUL_BASE_URL: api.url,
    SCHEMA_REGISTRY_URL: registry.url,
    SCHEMA_REGISTRY_USERNAME: 'registrar',
    SCHEMA_REGISTRY_PASSWORD: secrets.registry,
    CLICKHOUSE_URL: clickhouse.url,
    CLICKHOUSE_USERNAME: 'etl',
    CLICKHOUSE_PASSWORD: secrets.clickhouse,
    CLICKHOUSE_READER_USERNAME: 'reader',
    CLICKHOUSE_READER_PASSWORD: secrets.reader,
    MCP_TOKEN: secrets.mcp,
    WEBHOOK_TOKEN: secrets.webhook,
    SHOW_PASSWORD: secrets.show,
    HTTPS_PROXY: `http://someone:${secrets.proxy}@127.0.0.1:1`,
    DATA_DIR: dataDir,
  };
  return { settings, env, api, registry, clickhouse, dataDir };
}

/** Runs commands, three at a time, and checks their output. */
async function assertSilent(
  t: TestContext,
  names: readonly string[],
  env: NodeJS.ProcessEnv,
  failure: string,
): Promise<void> {
  const queue = [...names];
  const work = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const output = await outputOf(t, commands[name] ?? [], env);
      assertShowsNone(`${name}, ${failure}`, output);
      assert.notEqual(output.trim(), '', `${name}, ${failure}, writes nothing`);
    }
  };
  await Promise.all([work(), work(), work()]);
}

test(
  'no secret in any setting is shown, stored or forwarded, regardless of server responses',
  { timeout: 900_000 },
  async (t) => {
    const planted = await plant(t);
    const { settings, env, api, registry, clickhouse, dataDir } = planted;

    await t.test('successful commands show no secret', async () => {
      for (const [name, args] of Object.entries(commands)) {
        const look = async () => {
          for (const [pid, { command }] of processTexts())
            assertShowsNone(`the title of process ${pid}`, command);
          return Promise.resolve();
        };
        assertShowsNone(name, await outputOf(t, args, env, { whileRunning: look, speaksForMs: 60_000 }));
      }
      assert.equal((await rowsOf(settings, 'SELECT count() AS n FROM plans'))[0]?.['n'] !== 0, true);
    });

    await t.test('metrics contain no secret', async () => {
      const port = await freePort();
      const scrape = async () => {
        for (let tries = 0; tries < 200; tries++) {
          const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
          if (answer?.ok === true) {
            assertShowsNone('metrics', await answer.text());
            return;
          }
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert.fail('the metrics endpoint did not respond');
      };
      await outputOf(
        t,
        ['commands/sink.ts'],
        { ...env, METRICS_PORT: String(port) },
        { whileRunning: scrape },
      );
    });

    const ofService = [
      ['the API', api, ['ping', 'produce', 'reconcile --source']],
      ['the registry', registry, ['ping', 'produce', 'sink', 'reconcile', 'replay']],
      ['ClickHouse', clickhouse, ['ping', 'query', 'status', 'sink', 'reconcile', 'replay']],
    ] as const;
    for (const [service, server, names] of ofService) {
      for (const [index, misbehaviour] of misbehaviours.entries()) {
        await t.test(`no secret is shown if ${service} misbehaves: ${misbehaviour}`, async () => {
          server.misbehaviour = misbehaviour;
          // The result of a query is data, which may contain anything.
          const isData = misbehaviour === '200 that is not JSON' || misbehaviour === 'torn';
          await assertSilent(
            t,
            chosen(names, index).filter((name) => name !== 'query' || !isData),
            env,
            `${service}: ${misbehaviour}`,
          );
          server.misbehaviour = undefined;
        });
      }
      const setting = {
        'the API': 'CHARTMOGUL_BASE_URL',
        'the registry': 'SCHEMA_REGISTRY_URL',
        ClickHouse: 'CLICKHOUSE_URL',
      }[service];
      await t.test(`no secret is shown if the connection to ${service} fails`, async () => {
        const { host, pathname } = new URL(server.url);
        for (const url of [
          `http://127.0.0.1:1${pathname}`,
          `https://${host}${pathname}`,
          `http://someone:${encodeURIComponent(secrets.proxy)}@${host}${pathname}`,
        ])
          await assertSilent(
            t,
            names.slice(0, 2),
            { ...env, [setting]: url, NO_PROXY: '127.0.0.1' },
            `${service} at another address`,
          );
      });
    }

    await t.test('the record of a run with a failing list contains no secret', async () => {
      for (const misbehaviour of ['403', '404', '200 that is not JSON', 'redirect'] as const) {
        api.isConcerned = (path) => path.includes('/customers');
        api.misbehaviour = misbehaviour;
        await assertSilent(t, ['produce', 'status'], env, `a list: ${misbehaviour}`);
        api.misbehaviour = undefined;
      }
      await assertSilent(t, ['sink', 'status --json', 'dead-letters'], env, 'afterwards');
    });

    await t.test('a login that Kafka rejects shows no secret', async () => {
      const sasl = {
        KAFKA_SASL_MECHANISM: 'plain',
        KAFKA_USERNAME: 'someone',
        KAFKA_PASSWORD: secrets.kafka,
      };
      await assertSilent(t, ['ping', 'status', 'produce', 'sink'], { ...env, ...sasl }, 'SASL');
      const oauth = {
        KAFKA_SASL_MECHANISM: 'oauthbearer',
        KAFKA_OAUTH_TOKEN_URL: `${api.url}/token`,
        KAFKA_OAUTH_CLIENT_ID: 'someone',
        KAFKA_OAUTH_CLIENT_SECRET: secrets.oauth,
      };
      await assertSilent(t, ['ping', 'sink'], { ...env, ...oauth }, 'OAuth');
    });

    await t.test('invalid settings show no secret', async () => {
      for (const wrong of [
        { CHARTMOGUL_API_KEY: undefined, CHARTMOGUL_API_KEY_FILE: secrets.apiKey },
        { CLICKHOUSE_PASSWORD: undefined, CLICKHOUSE_PASSWORD_FILE: secrets.clickhouse },
        { CHARTMOGUL_API_KEY: `${secrets.apiKey}\u0007x` },
        { KAFKA_PASSWORD: secrets.kafka },
        { KAFKA_SSL_KEY_PASSWORD: secrets.keyPassword },
        { CLICKHOUSE_PASSWORD: undefined, CLICKHOUSE_PASSWORD_COMMAND: secrets.clickhouse },
        { WEBHOOK_TOKEN: `${secrets.webhook} x` },
        { CLICKHOUSE_URL: `http://someone:${secrets.proxy}@example.com:8123` },
        { HTTPS_PROXY: `nonsense://someone:${secrets.proxy}@host` },
        { CONFIG_FILE: secrets.apiKey },
      ])
        await assertSilent(
          t,
          ['ping', 'query'],
          definedIn({ ...env, ...wrong }),
          `wrong ${Object.keys(wrong).at(-1)}`,
        );
    });

    await t.test('topics and tables contain no secret', async () => {
      const admin = await connectKafkajs(settings.kafka);
      t.after(() => admin.disconnect());
      const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(settings.topicPrefix));
      assert.ok(
        topics.some((topic) => topic.endsWith('runs')),
        topics.join(),
      );
      for (const topic of topics)
        for (const { key, value, headers } of await readTopic(settings, topic))
          for (const bytes of [Buffer.from(key), value ?? Buffer.alloc(0), ...Object.values(headers)])
            assertShowsNone(`a message of ${topic}`, bytes.toString('latin1'));
      const tables = await rowsOf(
        settings,
        `SELECT name FROM system.tables WHERE database = currentDatabase()`,
      );
      assert.ok(tables.some(({ name }) => name === 'runs'));
      for (const { name } of tables)
        assertShowsNone(
          `table ${String(name)}`,
          textOf(await rowsOf(settings, `SELECT * FROM ${String(name)}`)),
        );
    });

    await t.test("files contain no secret, and local services get only ClickHouse's password", async () => {
      const ports = await Promise.all([freePort(), freePort(), freePort()]);
      const own = {
        ...env,
        KAFKA_BROKERS: `127.0.0.1:${ports[0]}`,
        SCHEMA_REGISTRY_URL: `http://127.0.0.1:${ports[1]}`,
        CLICKHOUSE_URL: `http://127.0.0.1:${ports[2]}`,
        SCHEMA_REGISTRY_USERNAME: undefined,
        SCHEMA_REGISTRY_PASSWORD: undefined,
      };
      const before = new Set(processTexts().keys());
      const up = await outputOf(t, ['services/main.ts', 'up'], definedIn(own), { speaksForMs: 110_000 });
      try {
        assertShowsNone('services up', up);
        const started = [...processTexts()].filter(
          ([pid, { environment, command }]) =>
            !before.has(pid) && `${environment}${command}`.includes(dataDir),
        );
        assert.ok(started.length >= 3, `services up: ${up}`);
        for (const [pid, { command, environment }] of started) {
          assertShowsNone(`the command of process ${pid}`, command);
          // The local ClickHouse receives its own password in the environment.
          for (const { name, form } of forms)
            if (name !== 'clickhouse')
              assert.ok(
                !environment.includes(form),
                `the environment of process ${pid} has the secret ${name}`,
              );
        }
      } finally {
        await outputOf(t, ['services/main.ts', 'down'], definedIn(own), { speaksForMs: 60_000 });
      }
      for (const file of filesIn(dataDir)) assertShowsNone(`file ${file}`, readFileSync(file, 'latin1'));
    });
  },
);

/**
 * Returns all commands for the first misbehaviour. For each other misbehaviour, returns ping and
 * two more commands in turn.
 */
function chosen(names: readonly string[], index: number): string[] {
  if (index === 0) return [...names];
  const [ping = 'ping', ...others] = names;
  const inTurn = [index, index + 1].map((turn) => others[turn % others.length] ?? ping);
  return [...new Set([ping, ...inTurn])];
}

function textOf(rows: unknown): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function definedIn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
