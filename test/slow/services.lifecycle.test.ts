import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel } from 'kafkajs';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { findLocalCredentials } from '../../core/settings/local-credentials.ts';
import { isTrueWithin } from '../../services/deadline.ts';
import { freePort } from '../../services/local-address.ts';
import { processIdentity } from '../../services/process-identity.ts';

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Creates a folder whose services run as processes even if a Docker engine responds, because a
 * folder keeps the kind of host with which it started.
 */
async function folderForProcesses(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'services-lifecycle-'));
  await mkdir(join(dataDir, 'services'));
  await writeFile(join(dataDir, 'services', 'host'), 'processes\n');
  return dataDir;
}

function services(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Outcome> {
  const options = { env: { ...process.env, ...env }, timeout: 110_000 };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['start.mjs', 'services/main.ts', ...args],
      options,
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe('local services', { timeout: 300_000 }, () => {
  let env: { DATA_DIR: string; KAFKA_BROKERS: string; SCHEMA_REGISTRY_URL: string; CLICKHOUSE_URL: string };

  before(async () => {
    const [kafka, registry, clickhouse] = [await freePort(), await freePort(), await freePort()];
    env = {
      DATA_DIR: await folderForProcesses(),
      KAFKA_BROKERS: `127.0.0.1:${kafka}`,
      SCHEMA_REGISTRY_URL: `http://127.0.0.1:${registry}`,
      CLICKHOUSE_URL: `http://127.0.0.1:${clickhouse}`,
    };
  });

  after(async () => {
    await services(env, 'down');
    await rm(env.DATA_DIR, { recursive: true, force: true });
  });

  async function up(): Promise<Outcome> {
    const outcome = await services(env, 'up');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    return outcome;
  }

  /** Returns the id of every running service process by name. */
  async function runningProcesses(): Promise<Record<string, number>> {
    const running: Record<string, number> = {};
    for (const file of await readdir(join(env.DATA_DIR, 'services'), { recursive: true })) {
      if (!file.endsWith('.pid')) continue;
      const text = await readFile(join(env.DATA_DIR, 'services', file), 'utf8');
      const { pid, identity } = JSON.parse(text) as { pid: number; identity: string };
      if (processIdentity(pid) === identity) running[file.replace(/^.*\//, '').replace('.pid', '')] = pid;
    }
    return running;
  }

  async function killAll(names: readonly string[]): Promise<void> {
    const running = await runningProcesses();
    const pids = names.flatMap((name) => running[name] ?? []);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    assert.ok(await isTrueWithin(10_000, () => pids.every((pid) => processIdentity(pid) === undefined)));
  }

  const everyProcess = ['apicurio', 'clickhouse', 'kafka', 'registry'];

  function kafka(): Kafka {
    return new Kafka({ brokers: [env.KAFKA_BROKERS], logLevel: logLevel.NOTHING });
  }

  async function messagesInTopic(t: TestContext): Promise<number> {
    const admin = kafka().admin();
    t.after(() => admin.disconnect());
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets('kept');
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  }

  const schema = (type: string) => ({
    type: SchemaType.AVRO as const,
    schema: JSON.stringify({ type: 'record', name: 'kept', fields: [{ name: 'id', type }] }),
  });

  async function get(path: string): Promise<string> {
    const response = await fetch(`${env.SCHEMA_REGISTRY_URL}${path}`, {
      signal: AbortSignal.timeout(10_000),
    });
    return response.text();
  }

  async function clickhouse(query: string): Promise<string> {
    return (await ask(query, credentialHeaders())).text();
  }

  function ask(query: string, headers: Record<string, string>): Promise<Response> {
    const init = { method: 'POST', body: query, headers, signal: AbortSignal.timeout(10_000) };
    return fetch(env.CLICKHOUSE_URL, init);
  }

  function credentialHeaders(): Record<string, string> {
    const credentials = findLocalCredentials(env.DATA_DIR, env.CLICKHOUSE_URL);
    assert.ok(credentials !== undefined);
    const { username, password } = credentials;
    return { 'X-ClickHouse-User': username, 'X-ClickHouse-Key': password.reveal() };
  }

  async function assertAllIsKept(t: TestContext): Promise<void> {
    assert.equal(await messagesInTopic(t), 3);
    assert.match(await get('/schemas/ids/1'), /kept/);
    assert.equal(await get('/subjects'), '["kept-value"]');
    assert.equal(await clickhouse('SELECT * FROM kept'), '1\n');
  }

  test('up starts all three services and prints the settings to export', async () => {
    const { stdout } = await up();
    const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CLICKHOUSE_URL } = env;
    const settings = { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CLICKHOUSE_URL };
    const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${value}\n`);
    const [user = '', key = ''] = Object.values(credentialHeaders());
    lines.push(`export CLICKHOUSE_USERNAME=${user}\n`, `export CLICKHOUSE_PASSWORD=${key}\n`);
    assert.equal(stdout, lines.join(''));
    assert.deepEqual(Object.keys(await runningProcesses()).sort(), everyProcess);
  });

  test('ClickHouse requires the local credential, which the commands find themselves', async () => {
    for (const headers of [
      {},
      { 'X-ClickHouse-User': 'local' },
      { ...credentialHeaders(), 'X-ClickHouse-Key': 'x' },
    ])
      assert.equal((await ask('SELECT 1', headers)).headers.get('x-clickhouse-exception-code'), '516');
    const page = { ...credentialHeaders(), Origin: 'https://evil.example', 'Content-Type': 'text/plain' };
    assert.equal((await ask('SELECT 1', page)).status, 403);
    assert.equal((await fetch(`${env.CLICKHOUSE_URL}/ping`)).status, 200);
    const query = ['start.mjs', 'commands/query.ts', 'SELECT 42 AS n', '--format', 'TSV'];
    const options = {
      env: { PATH: process.env['PATH'], ...env, CLICKHOUSE_DATABASE: 'default' },
      timeout: 60_000,
    };
    const [stdout] = await new Promise<string[]>((resolve) =>
      execFile(process.execPath, query, options, (_, ...texts) => resolve(texts)),
    );
    assert.equal(stdout, '42\n');
  });

  test('DATA_DIR is readable only by its owner', async () => {
    const open: string[] = [];
    for (const name of ['.', ...(await readdir(env.DATA_DIR, { recursive: true }))]) {
      // Vert.x sets the permissions of its cache itself.
      if (name.endsWith('vertx-cache')) continue;
      // Kafka and the registry constantly create and delete files.
      const found = await lstat(join(env.DATA_DIR, name)).catch(() => undefined);
      if (found !== undefined && !found.isSymbolicLink() && (found.mode & 0o077) !== 0) open.push(name);
    }
    assert.deepEqual(open, []);
  });

  test('no web page can reach the registry', async () => {
    const init = { headers: { Origin: 'https://evil.example' }, signal: AbortSignal.timeout(10_000) };
    assert.equal((await fetch(`${env.SCHEMA_REGISTRY_URL}/subjects`, init)).status, 403);
    // Nor can a web page reach Apicurio behind it, which accepts any host name.
    if (process.platform !== 'linux') return;
    const command = await readFile(`/proc/${(await runningProcesses())['registry']}/cmdline`, 'utf8');
    const [, host, port] = /--to\0http:\/\/([\d.]+):(\d+)/.exec(command) ?? [];
    assert.ok(host !== undefined && port !== undefined);
    assert.notEqual(host, '127.0.0.1');
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) }));
  });

  test('repeated and concurrent runs of up do not start further processes', async () => {
    const before = await runningProcesses();
    await Promise.all([up(), up()]);
    assert.deepEqual(await runningProcesses(), before);
  });

  test('status prints a line for each service and exits with 0', async () => {
    const { exitCode, stdout } = await services(env, 'status');
    assert.equal(exitCode, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(/\s+/).slice(0, 2).join(' ')),
      ['kafka running', 'registry running', 'clickhouse running'],
    );
    assert.match(lines[0] ?? '', /127\.0\.0\.1:\d+ +pid \d+ +\d+ MiB$/);
  });

  test('Kafka accepts transactions, and the registry rejects an incompatible schema', async (t) => {
    const admin = kafka().admin();
    const producer = kafka().producer({
      transactionalId: 'lifecycle',
      idempotent: true,
      maxInFlightRequests: 1,
    });
    t.after(() => Promise.all([admin.disconnect(), producer.disconnect()]));
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'kept' }] });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({
      topic: 'kept',
      messages: [
        { key: 'a', value: '1' },
        { key: 'a', value: '2' },
      ],
    });
    await transaction.commit();

    const registry = new SchemaRegistry({ host: env.SCHEMA_REGISTRY_URL });
    assert.deepEqual(await registry.register(schema('long'), { subject: 'kept-value' }), { id: 1 });
    assert.deepEqual(await registry.register(schema('long'), { subject: 'kept-value' }), { id: 1 });
    const refusal = registry.register(schema('string'), { subject: 'kept-value' });
    await assert.rejects(refusal, (error: { status?: number }) => error.status === 409);

    await clickhouse('CREATE TABLE kept (id Int64) ENGINE = MergeTree ORDER BY id');
    await clickhouse('INSERT INTO kept VALUES (1)');
    await assertAllIsKept(t);
  });

  test('the registry responds at the root and under the path that Apicurio uses', async () => {
    assert.equal(await get('/subjects'), '["kept-value"]');
    assert.equal(await get('/apis/ccompat/v7/subjects'), '["kept-value"]');
  });

  test('a registry whose front end was killed works again after the next up', async () => {
    const before = await runningProcesses();
    await killAll(['registry']);
    assert.equal((await services(env, 'status')).exitCode, 1);
    await up();
    const now = await runningProcesses();
    assert.deepEqual(
      { kafka: now['kafka'], clickhouse: now['clickhouse'] },
      { kafka: before['kafka'], clickhouse: before['clickhouse'] },
    );
    assert.equal(processIdentity(before['apicurio'] ?? 0), undefined, 'the old Apicurio still runs');
    assert.equal(await get('/subjects'), '["kept-value"]');
  });

  test('data survives kill -9 of every process', async (t) => {
    await killAll(everyProcess);
    await up();
    await assertAllIsKept(t);
  });

  test('data survives down and up, and down ends every process', async (t) => {
    const before = Object.values(await runningProcesses());
    assert.equal((await services(env, 'down')).exitCode, 0);
    assert.deepEqual(await runningProcesses(), {});
    assert.ok(before.every((pid) => processIdentity(pid) === undefined));
    const { exitCode, stdout } = await services(env, 'status');
    assert.equal(exitCode, 1);
    assert.match(stdout, /^kafka +stopped +127/);
    await up();
    await assertAllIsKept(t);
  });
});

test('up reports a port in use in one line that names its setting', async (t) => {
  const stranger = createServer().listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const address = stranger.address();
  assert.ok(typeof address === 'object' && address !== null);
  const url = `http://127.0.0.1:${address.port}`;
  const env = {
    DATA_DIR: await folderForProcesses(),
    KAFKA_BROKERS: `127.0.0.1:${await freePort()}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}`,
    CLICKHOUSE_URL: url,
  };
  t.after(async () => {
    stranger.close();
    await services(env, 'down');
    await rm(env.DATA_DIR, { recursive: true, force: true });
  });
  const { exitCode, stderr } = await services(env, 'up');
  assert.equal(exitCode, 1);
  const lines = stderr.split('\n').filter((line) => line.includes('CLICKHOUSE_URL'));
  assert.deepEqual(lines, [
    `CLICKHOUSE_URL is "${url}", but another program is listening there: stop it, or set CLICKHOUSE_URL to a free port`,
  ]);
});
