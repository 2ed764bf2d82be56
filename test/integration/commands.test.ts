import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runCommand, runShell, startCommand } from '../helpers/command.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const entries = {
  demo: 'commands/demo.ts',
  services: 'services/main.ts',
  simulate: 'simulator/main.ts',
  ping: 'commands/ping.ts',
  produce: 'commands/produce.ts',
  sink: 'commands/sink.ts',
  replay: 'commands/replay.ts',
  status: 'commands/status.ts',
  show: 'commands/show.ts',
  query: 'commands/query.ts',
  mcp: 'commands/mcp.ts',
  assistant: 'commands/assistant.ts',
  export: 'commands/export.ts',
  reconcile: 'commands/reconcile.ts',
  import: 'commands/import.ts',
  'dead-letters': 'commands/dead-letters.ts',
  webhook: 'commands/webhook.ts',
};

/** Required options, without which a command reports only that they are missing. */
const required: Readonly<Record<string, readonly string[]>> = {
  import: ['--data-source', 'ds_1', 'records.ndjson'],
};

for (const [name, entry] of Object.entries(entries)) {
  test(`${name} prints its usage for --help and rejects an unknown option`, async (t) => {
    const help = await runCommand(t, entry, ['--help'], { PATH: process.env['PATH'] });
    assert.equal(help.exitCode, 0);
    assert.match(help.stdout, new RegExp(`Usage: npm run ${name} --`));
    const args = ['--no-such-option', ...(required[name] ?? [])];
    const wrong = await runCommand(t, entry, args, { PATH: process.env['PATH'] });
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, /^error: unknown option '--no-such-option'\n$/);
  });
}

const wrongSettings: readonly { env: NodeJS.ProcessEnv; expected: RegExp }[] = [
  {
    env: { CHARTMOGUL_BASE_URL: 'http://example.com' },
    expected: /^CHARTMOGUL_BASE_URL must be https.*; got "http:\/\/example.com"/,
  },
  { env: { KAFKA_BROKERS: 'localhost' }, expected: /^KAFKA_BROKERS must be host:port.*; got "localhost"/ },
  {
    env: { CLICKHOUSE_DATABASE: 'a b' },
    expected: /^CLICKHOUSE_DATABASE must be a letter or _.*; got "a b"/,
  },
  { env: { CHARTMOGUL_API_KEY: '' }, expected: /^CHARTMOGUL_API_KEY is not set: / },
  {
    env: { CHARTMOGUL_API_KEY: '', CHARTMOGUL_API_KEY_FILE: '/no/such/file' },
    expected: /^CHARTMOGUL_API_KEY_FILE must be the path of a readable file \(ENOENT\)/,
  },
];

for (const { env, expected } of wrongSettings) {
  test(`produce exits with code 2 and prints one line for ${JSON.stringify(env)}`, async (t) => {
    const settings = createSettings(t);
    const result = await runCommand(t, entries.produce, [], { ...environmentOf(settings), ...env });
    assert.equal(result.exitCode, 2);
    assert.match(result.stderr, expected);
    assert.equal(result.stderr.trim().split('\n').length, 1);
    assert.equal(result.stdout, '');
  });
}

test('produce and sink reject a stream that does not exist', async (t) => {
  const env = environmentOf(createSettings(t));
  for (const entry of [entries.produce, entries.sink]) {
    const result = await runCommand(t, entry, ['--streams', 'plans,unicorns'], env);
    assert.equal(result.exitCode, 2);
    assert.match(result.stderr, /--streams must be one of .*customers.*; got "unicorns"/);
  }
});

test('produce, sink and query work as separate processes, and query rejects a write', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 50 });
  const env = environmentOf(createSettings(t, baseUrl));
  const produced = await runCommand(t, entries.produce, ['--streams', 'customers,plans'], env);
  assert.equal(produced.exitCode, 0, produced.stderr);
  assert.match(produced.stdout, /customers +1 /);
  for (const line of produced.stderr.trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object');
  const sunk = await runCommand(t, entries.sink, ['--until-caught-up'], env);
  assert.equal(sunk.exitCode, 0, sunk.stderr);
  const sql = 'SELECT count() > 0 AS some FROM customers';
  const json = await runCommand(t, entries.query, [sql, '--format', 'JSONEachRow'], env);
  assert.equal(json.stdout, '{"some":1}\n');
  const piped = `printf '%s;' "${sql}" | "${process.execPath}" start.mjs ${entries.query} --format JSONEachRow`;
  assert.equal((await runShell(t, piped, env)).stdout, '{"some":1}\n');
  const pretty = await runCommand(t, entries.query, [sql], env);
  assert.match(pretty.stdout, /─some─/);
  const write = await runCommand(t, entries.query, ['DROP TABLE customers_raw'], env);
  assert.equal(write.exitCode, 1);
  assert.match(write.stderr, /READONLY/);
});

test('sink --until-caught-up exits with code 1 if it is stopped before it has caught up', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings, `${settings.topicPrefix}transactions`);
  const open = await producer.transaction();
  await open.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', [{ uuid: 'pl_1' }]),
  });
  const args = ['--streams', 'plans', '--until-caught-up'];
  const command = startCommand(t, entries.sink, args, environmentOf(settings));
  await command.logged('consuming topics');
  command.kill('SIGTERM');
  const { exitCode, stdout } = await command.result;
  await open.abort();
  assert.equal(exitCode, 1);
  assert.match(stdout, /plans_raw/);
});

test('produce and ping do not print an API key that ChartMogul rejects', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 1, apiKey: 'the right one' });
  const env = { ...environmentOf(createSettings(t, baseUrl)), CHARTMOGUL_API_KEY: 'the-wrong-secret' };
  for (const entry of [entries.produce, entries.ping]) {
    const { exitCode, stdout, stderr } = await runCommand(t, entry, [], env);
    assert.equal(exitCode, 1);
    assert.match(stdout, /CHARTMOGUL_API_KEY/);
    assert.doesNotMatch(stdout + stderr, /the-wrong-secret/);
  }
});

test('ping prints one line for each service, with a remedy for those that are down', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 1 });
  const env = environmentOf(createSettings(t, baseUrl));
  const well = await runCommand(t, entries.ping, [], env);
  assert.equal(well.exitCode, 0, well.stdout);
  assert.equal(well.stdout.match(/ ok /g)?.length, 4);
  const down = await runCommand(t, entries.ping, [], {
    ...env,
    KAFKA_BROKERS: '127.0.0.1:1',
    CLICKHOUSE_URL: 'http://127.0.0.1:1',
  });
  assert.equal(down.exitCode, 1);
  assert.equal(down.stdout.trim().split('\n').length, 4);
  assert.match(down.stdout, /kafka +FAILED .*127\.0\.0\.1:1 \(KAFKA_BROKERS\).*npm run services -- up/);
  assert.match(down.stdout, /clickhouse +FAILED .*\(CLICKHOUSE_URL\).*npm run services -- up/);
});

test('on SIGTERM, a sink prints its summary and exits with 0', async (t) => {
  const env = environmentOf(createSettings(t));
  const command = startCommand(t, entries.sink, ['--streams', 'plans'], env);
  await command.logged('consuming topics');
  command.kill('SIGTERM');
  const { exitCode, stdout } = await command.result;
  assert.equal(exitCode, 0);
  assert.match(stdout, /plans_raw/);
});

test('on SIGINT, a run of produce prints one line on stderr and exits with 1', async (t) => {
  let onAsked = () => {};
  const isAsked = new Promise<void>((resolve) => (onAsked = resolve));
  const { baseUrl } = await createApiServer(t, { '/plans': () => onAsked() });
  const command = startCommand(
    t,
    entries.produce,
    ['--streams', 'plans'],
    environmentOf(createSettings(t, baseUrl)),
  );
  await isAsked;
  command.kill('SIGINT');
  const { exitCode, stderr } = await command.result;
  assert.equal(exitCode, 1);
  // A stop that takes more than half a second is also logged.
  const lines = stderr.split('\n').filter((line) => !line.includes('"stopping: '));
  assert.deepEqual(lines, ['stopped by SIGINT', '']);
});

test('ping reports a CHARTMOGUL_BASE_URL that does not end in /v1', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 1 });
  const env = environmentOf(createSettings(t, baseUrl.replace('/v1', '')));
  const { stdout } = await runCommand(t, entries.ping, [], env);
  assert.match(stdout, /chartmogul +FAILED .*\(CHARTMOGUL_BASE_URL\) has no \/ping: .*ends in \/v1/);
});

test('a query ends silently when its pipe closes early', async (t) => {
  const env = environmentOf(createSettings(t));
  const command = `"${process.execPath}" start.mjs ${entries.query} "SELECT number FROM system.numbers LIMIT 3000000" --format TSV | head -1; exit \${PIPESTATUS[0]}`;
  const { stdout, stderr } = await runShell(t, command, { ...env, CLICKHOUSE_DATABASE: 'default' });
  assert.deepEqual({ stdout, stderr }, { stdout: '0\n', stderr: '' });
});

test('produce on a schedule runs repeatedly, and SIGTERM ends it with exit code 0', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 10 });
  const env = environmentOf(createSettings(t, baseUrl));
  const command = startCommand(t, entries.produce, ['--streams', 'plans', '--every', '1s'], env);
  await command.logged('next run', 2);
  command.kill('SIGTERM');
  const { exitCode, stdout } = await command.result;
  assert.equal(exitCode, 0);
  assert.ok((stdout.match(/^plans /gm)?.length ?? 0) >= 2);
});
