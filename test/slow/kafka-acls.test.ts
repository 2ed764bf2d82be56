import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import kafkajs, { type AclOperationTypes, type AclResourceTypes } from 'kafkajs';
import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import type { JobState } from '../../dashboard/api/job.ts';
import type { ReconcileState } from '../../dashboard/api/reconcile.ts';
import type { DeadLetterList, SettleJob } from '../../dashboard/api/dead-letters.ts';
import { freePort } from '../../services/local-address.ts';
import { createCertificateAuthority } from '../helpers/certificates.ts';
import { runCommand, startCommand } from '../helpers/command.ts';
import { connectDashboard, endOf } from '../helpers/dashboard.ts';
import { exportFolder } from '../helpers/exported.ts';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { callTool, startMcp } from '../helpers/mcp.ts';
import { command as runOnClickHouse, plansTable } from '../helpers/plans-table.ts';
import { createSecureKafka } from '../helpers/secure-kafka.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

interface Row {
  readonly command: string;
  readonly kind: string;
  /** The name of the resource, with the prefix `chartmogul.`. */
  readonly name: string;
  readonly isPrefix: boolean;
  readonly operations: readonly string[];
}

/** Returns the rows of the ACL table in docs/security.md. */
async function documentedAcls(): Promise<readonly Row[]> {
  const text = await readFile(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const row = /^\| `([a-z -]+)` +\| ([a-z ]+) `(chartmogul\.[^`*]*)(\*?)` +\| ([A-Za-z, ]+?) +\|$/gm;
  return [...text.matchAll(row)].map(([, command = '', kind = '', name = '', star, operations = '']) => ({
    command,
    kind,
    name,
    isPrefix: star === '*',
    operations: operations.split(', '),
  }));
}

const { AclResourceTypes: resources, AclOperationTypes: types, ResourcePatternTypes: patterns } = kafkajs;

const kinds: Readonly<Record<string, AclResourceTypes>> = {
  topic: resources.TOPIC,
  group: resources.GROUP,
  'transactional id': resources.TRANSACTIONAL_ID,
};
const operationTypes: Readonly<Record<string, AclOperationTypes>> = {
  Read: types.READ,
  Write: types.WRITE,
  Create: types.CREATE,
  Delete: types.DELETE,
  Describe: types.DESCRIBE,
  DescribeConfigs: types.DESCRIBE_CONFIGS,
};

const isOver = (state: JobState<unknown, unknown>) => state.state !== 'running';

/** Returns a command's user name: the command without spaces. */
const userOf = (command: string) => command.replaceAll(' ', '');

/** Each user lacks one row of the command's ACLs, and the command names the missing ACL. */
const denied: readonly {
  readonly command: string;
  readonly args: readonly string[];
  readonly without: (row: Row) => boolean;
  readonly names: RegExp;
}[] = [
  {
    command: 'produce',
    args: ['--streams', 'plans'],
    without: ({ kind }) => kind === 'transactional id',
    names: /denies (Write|Describe) on transactional id \S+\.produce\.\S+; add the ACL \(docs\/security\.md/,
  },
  {
    command: 'sink',
    args: ['--until-caught-up'],
    without: ({ name }) => name === 'chartmogul.sink.',
    names: /denies (Read|Describe) on group \S+\.sink\.\S+; add the ACL/,
  },
  {
    command: 'status',
    args: [],
    without: ({ name }) => name === 'chartmogul.sink.',
    names: /denies Describe on group \S+\.sink\.\S+; add the ACL/,
  },
  {
    command: 'replay',
    args: ['--streams', 'plans'],
    without: ({ name }) => name === 'chartmogul.replay',
    names: /denies (Read|Describe) on group \S+\.replay\S+; add the ACL/,
  },
  {
    command: 'dead-letters',
    args: ['discard', '--all'],
    without: ({ kind }) => kind === 'transactional id',
    names: /denies (Write|Describe) on transactional id \S+\.produce\.dead-letters; add the ACL/,
  },
];

test('commands run with the ACLs in docs/security.md, and name a missing ACL', async (t) => {
  const ca = createCertificateAuthority(t);
  const rows = await documentedAcls();
  const commands = [...new Set(rows.map(({ command }) => command))];
  const lacking = denied.map(({ command }) => `${command}-lacking`);
  const users = Object.fromEntries(
    ['ping', ...commands, ...lacking].map((name) => [userOf(name), randomUUID()]),
  );
  const { addresses } = await createSecureKafka(t, { ca, users });
  const { baseUrl } = await createSimulatorServer(t, { customers: 10, seed: 1 });
  const own = createSettings(t, baseUrl);
  const settings = { ...own, kafka: { ...own.kafka, brokers: [addresses.open] } };
  const admin = await connectKafkajs(settings.kafka);
  const grant = async (user: string, granted: readonly Row[]) => {
    const acl = granted.flatMap(({ kind, name, isPrefix, operations }) =>
      operations.map((operation) => ({
        principal: `User:${userOf(user)}`,
        host: '*',
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
        resourceType: kinds[kind] ?? resources.UNKNOWN,
        resourceName: name.replace('chartmogul.', settings.topicPrefix),
        resourcePatternType: isPrefix ? patterns.PREFIXED : patterns.LITERAL,
        operation: operationTypes[operation] ?? types.UNKNOWN,
      })),
    );
    await admin.createAcls({ acl });
  };
  try {
    for (const command of commands)
      await grant(
        command,
        rows.filter((row) => row.command === command),
      );
    for (const { command, without } of denied)
      await grant(
        `${command}-lacking`,
        rows.filter((row) => row.command === command && !without(row)),
      );
  } finally {
    await admin.disconnect();
  }
  const environmentFor = (user: string) => ({
    ...environmentOf(settings),
    KAFKA_BROKERS: addresses.plain,
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_USERNAME: userOf(user),
    KAFKA_PASSWORD: users[userOf(user)],
  });
  const run = (user: string, command: string, ...args: string[]) =>
    runCommand(t, `commands/${command}.ts`, args, environmentFor(user));
  const runs = async (command: string, ...args: string[]) => {
    const { exitCode, stdout, stderr } = await run(command, command, ...args);
    assert.equal(exitCode, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
    assert.doesNotMatch(stdout + stderr, /denies|AUTHORIZATION/);
    return stdout;
  };

  await t.test('each command runs with its ACLs', async (t) => {
    await runs('ping');
    await runs('produce', '--streams', 'plans,customers');
    const producer = await createProducer(t, settings);
    const broken = [{ key: 'broken', value: 'no Avro' }];
    await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages: broken });
    // The second run reads the messages that the first run sent.
    await runs('produce', '--streams', 'plans,customers', '--full');
    await runs('sink', '--until-caught-up');
    const [listed] = await Promise.all([
      runs('dead-letters', 'list', '--json'),
      runs('status'),
      runs('reconcile', '--streams', 'plans', '--allow-dead-letters'),
      runs('reconcile', '--streams', 'plans', '--allow-dead-letters', '--source'),
    ]);
    assert.match(listed, /ETL_/);
    await runs('replay', '--streams', 'plans');
  });

  await t.test('query and export do not require ACLs', async (t) => {
    const folder = exportFolder(t);
    for (const [command, ...args] of [
      ['query', 'SELECT count() FROM plans'],
      ['export', '--to', `csv:${folder}`],
    ] as const) {
      const { exitCode, stdout, stderr } = await run('ping', command, ...args);
      assert.equal(exitCode, 0, `${command}: ${stdout}${stderr}`);
    }
    assert.ok((await readdir(folder)).includes('plans.csv'), folder);
  });

  await t.test('the webhook stores an event and a dead letter', async (t) => {
    const env = { WEBHOOK_TOKEN: randomUUID(), WEBHOOK_PORT: String(await freePort()) };
    const webhook = startCommand(t, 'commands/webhook.ts', [], { ...environmentFor('webhook'), ...env });
    const url = await webhook.printed(/http:\/\/\S+\//);
    for (const [type, expected] of Object.entries({ mrr_movement: 2, other: 4 })) {
      const body = JSON.stringify({ type });
      let status = 503;
      await waitFor('a response', async () => {
        ({ status } = await fetch(url + env.WEBHOOK_TOKEN, { method: 'POST', body }));
        return status !== 503;
      });
      assert.equal(Math.floor(status / 100), expected, type);
    }
    webhook.kill('SIGTERM');
    assert.doesNotMatch((await webhook.result).stderr, /denies|AUTHORIZATION/);
  });

  const deleteOneRow = async () => {
    const [{ uuid } = {}] = await rowsOf(settings, 'SELECT min(uuid) AS uuid FROM plans');
    await runOnClickHouse(settings, `DELETE FROM ${plansTable(settings)} WHERE uuid = '${String(uuid)}'`);
  };

  await t.test('reconcile --repair inserts a row again', async () => {
    await deleteOneRow();
    const args = ['--streams', 'plans', '--allow-dead-letters', '--repair'];
    const { exitCode, stdout, stderr } = await run('reconcile --repair', 'reconcile', ...args);
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stdout, /inserted/);
    assert.doesNotMatch(stdout + stderr, /denies|AUTHORIZATION/);
  });

  await t.test('MCP tools that read Kafka respond', async (t) => {
    const { client, log } = await startMcp(t, environmentFor('mcp'));
    const call = async (name: string, args = {}) => {
      const { isError, text, data } = await callTool(client, name, args);
      assert.ok(!isError, text);
      assert.doesNotMatch(text, /denies|AUTHORIZATION/);
      return data;
    };
    assert.equal((await call('check_connections'))['ok'], true);
    for (const name of ['list_streams', 'list_runs', 'list_dead_letters']) await call(name);
    await call('get_stream', { stream: 'plans' });
    await call('reconcile_report', { streams: ['plans'] });
    assert.doesNotMatch(log(), /denies|AUTHORIZATION/);
  });

  await t.test('the dashboard shows messages, repairs a table and tries a redrive', async (t) => {
    const env = { ...environmentFor('show'), SHOW_PORT: String(await freePort()) };
    const show = startCommand(t, 'commands/show.ts', [], env);
    const dashboard = await connectDashboard(await show.printed(/http:\/\/\S+\//));
    await dashboard.get('/api/streams/plans');
    await dashboard.get('/api/streams/plans/messages');
    await dashboard.get('/api/runs');
    await deleteOneRow();
    await dashboard.post('/api/reconcile', { streams: ['plans'], comparesSource: true, isRepair: true });
    const { job } = await endOf(
      () => dashboard.get<ReconcileState>('/api/reconcile'),
      (state) => !isOver(state.job),
    );
    assert.equal(job.result?.streams['plans']?.repair?.inserted, 1, JSON.stringify(job));
    const { deadLetters } = await dashboard.get<DeadLetterList>('/api/dead-letters');
    const [deadLetter] = deadLetters;
    await dashboard.get(`/api/dead-letters/${deadLetter?.id}`);
    await dashboard.post('/api/dead-letters/settle', { action: 'redrive', ids: [deadLetter?.id] });
    const settled = await endOf(
      () => dashboard.get<SettleJob>('/api/dead-letters/job'),
      (state) => !isOver(state),
    );
    // The message is not Avro, so the redrive fails.
    assert.doesNotMatch(JSON.stringify(settled), /denies|AUTHORIZATION|does not respond/);
    show.kill('SIGTERM');
    const { stdout, stderr } = await show.result;
    assert.doesNotMatch(stdout + stderr, /denies|AUTHORIZATION/);
  });

  await t.test('commands name a missing ACL', async () => {
    await Promise.all(
      denied.map(async ({ command, args, names }) => {
        const { exitCode, stdout, stderr } = await run(`${command}-lacking`, command, ...args);
        assert.notEqual(exitCode, 0, command);
        assert.match(stdout + stderr, names, command);
      }),
    );
  });

  await t.test('dead-letters redrive and discard run with their ACLs', async () => {
    const redriven = await run('dead-letters', 'dead-letters', 'redrive', '--all');
    assert.doesNotMatch(redriven.stdout + redriven.stderr, /denies|AUTHORIZATION|does not respond/);
    await runs('dead-letters', 'discard', '--all');
  });
});
