import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { createClickHouseFront } from '../helpers/clickhouse-front.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { createSettings } from '../helpers/settings.ts';
import { startSink } from '../helpers/sink-bench.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** Creates and sinks a topic of plans. Returns functions that send, sink and read plans. */
async function createPlans(t: TestContext) {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  const table = (name: string) => qualified(database, name);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const send = async (...names: readonly (string | null)[]) => {
    const messages = await messagesOf(
      settings,
      'plans',
      names.map((name, index) => ({ uuid: `${name}_${index}`, name })),
    );
    const topic = topicOf(settings.topicPrefix, 'plans');
    await producer.send({ topic, messages: messages.map((message) => ({ ...message, partition: 0 })) });
  };
  await messagesOf(settings, 'plans', []);
  await sinkStreams(settings, 'plans');
  const columnOf = async (name: string, column: string) =>
    (await rowsOf(settings, `SELECT ${column} AS c FROM ${name} ORDER BY 1`)).map((row) => row['c']);
  return {
    settings,
    table,
    send,
    run: (...sql: string[]) => command(settings, ...sql),
    sink: async () => {
      const [counts] = await sinkStreams(settings, 'plans');
      assert.ok(counts);
      return counts;
    },
    names: () => columnOf('plans_raw', 'name'),
    columnOf,
  };
}

async function deadLetters(settings: Settings): Promise<number> {
  const topic = deadLettersTopic(settings.topicPrefix);
  return (await readTopic(settings, topic).catch(() => [])).length;
}

const target = (more = '') => `(f String${more}) ENGINE = MergeTree ORDER BY tuple()`;

/** Views that fail on the name `aa` or on every row, each with the expected message. */
const failing: readonly {
  readonly what: string;
  readonly target: string;
  readonly select: string;
  readonly says: RegExp;
}[] = [
  {
    what: 'throws on a row',
    target: target(),
    select: 'toString(toFloat64(assumeNotNull(name)))',
    says: /code 72 /,
  },
  {
    what: 'throws on a value that resembles an error code',
    target: target(),
    select: "toString(toFloat64(assumeNotNull(name) || ' (ABCD)'))",
    says: /code \d+ /,
  },
  { what: 'throws on every row', target: target(), select: 'toString(throwIf(1))', says: /code 395 / },
  {
    what: 'has a target column of another type',
    target: '(f Array(Int64)) ENGINE = MergeTree ORDER BY tuple()',
    select: 'name',
    says: /code 130 /,
  },
  {
    what: 'has a target with a constraint',
    target: target(", CONSTRAINT no_aa CHECK f != 'aa'"),
    select: 'name',
    says: /code 469 /,
  },
];

for (const { what, target: targetSql, select, says } of failing) {
  test(`a materialized view that ${what} stops its stream until it is repaired`, async (t) => {
    const { settings, table, send, run, sink, names, columnOf } = await createPlans(t);
    const view = (expression: string) =>
      `CREATE MATERIALIZED VIEW ${table('mv')} TO ${table('f')} AS SELECT ${expression} AS f FROM ${table('plans_raw')}`;
    await run(`CREATE TABLE ${table('f')} ${targetSql}`, view(select));
    await send('2', 'aa', '3');
    for (let start = 0; start < 2; start++) {
      const { failure } = await sink();
      const message = failure?.message ?? '';
      assert.match(
        message,
        new RegExp(`view .*${settings.clickhouse.database}\\.mv\\b.* on table plans_raw fails`),
      );
      assert.match(message, says);
      assert.match(
        message,
        /None of the rows of this insert \(partition 0, offsets 0 to 2\) is in the table: fix or drop the view/,
      );
      assert.doesNotMatch(message, /\baa\b/);
      assert.deepEqual(await names(), []);
    }
    await run(
      `DROP VIEW ${table('mv')}`,
      `DROP TABLE ${table('f')}`,
      `CREATE TABLE ${table('f')} ${target()}`,
      view('name'),
    );
    assert.equal((await sink()).failure, undefined);
    assert.deepEqual(await names(), ['2', '3', 'aa']);
    assert.deepEqual(await columnOf('f', 'f'), ['2', '3', 'aa']);
    assert.equal(await deadLetters(settings), 0);
  });
}

test('a materialized view without its target stops its stream and does not cause a dead letter', async (t) => {
  const { settings, table, send, run, sink, names, columnOf } = await createPlans(t);
  await run(
    `CREATE TABLE ${table('f')} ${target()}`,
    `CREATE MATERIALIZED VIEW ${table('mv')} TO ${table('f')} AS SELECT name AS f FROM ${table('plans_raw')}`,
    `DROP TABLE ${table('f')}`,
  );
  const many = Array.from({ length: 40 }, (_, index) => String(index + 10));
  await send(...many);
  const counts = await sink();
  assert.equal(counts.deadLetters, 0);
  assert.match(
    counts.failure?.message ?? '',
    /^table plans_raw refuses every row: ClickHouse returned code 60 \(UNKNOWN_TABLE\): .*; check its materialized views \(\S+\.mv to \S+\.f\)/,
  );
  await run(`CREATE TABLE ${table('f')} ${target()}`);
  assert.equal((await sink()).failure, undefined);
  assert.deepEqual(await names(), many);
  assert.deepEqual(await columnOf('f', 'f'), many);
  assert.equal(await deadLetters(settings), 0);
});

test('if a view fails during row-by-row inserts, the sink rolls back only the failed insert', async (t) => {
  const { settings, table, send, run, sink, names, columnOf } = await createPlans(t);
  await run(
    // With a projection, a table rejects lightweight deletes.
    `ALTER TABLE ${table('plans_raw')} MODIFY SETTING deduplicate_merge_projection_mode = 'drop'`,
    `ALTER TABLE ${table('plans_raw')} ADD PROJECTION by_name (SELECT name, count() GROUP BY name)`,
    `ALTER TABLE ${table('plans_raw')} ADD CONSTRAINT no_bb CHECK name != 'bb' OR _deleted`,
    `CREATE TABLE ${table('f')} ${target()}`,
    `CREATE TABLE ${table('g')} (f Float64) ENGINE = MergeTree ORDER BY tuple()`,
    `CREATE MATERIALIZED VIEW ${table('mv')} TO ${table('f')} AS SELECT name AS f FROM ${table('plans_raw')}`,
    `CREATE MATERIALIZED VIEW ${table('mw')} TO ${table('g')} AS SELECT toFloat64(assumeNotNull(f)) AS f FROM ${table('f')}`,
  );
  await send('1', '2', 'bb', '4', '5', 'aa', '7', '8');
  const { failure } = await sink();
  assert.match(failure?.message ?? '', /view \S+\.mw fed by \S+\.mv on table plans_raw fails/);
  assert.deepEqual(await names(), ['1', '2', '4']);
  assert.deepEqual(await columnOf('g', 'f'), [1, 2, 4]);
  await run(
    `DROP VIEW ${table('mw')}`,
    `CREATE MATERIALIZED VIEW ${table('mw')} TO ${table('g')} AS SELECT toFloat64OrZero(f) AS f FROM ${table('f')}`,
  );
  assert.equal((await sink()).failure, undefined);
  assert.deepEqual(await names(), ['1', '2', '4', '5', '7', '8', 'aa']);
  assert.deepEqual(await columnOf('g', 'f'), [0, 1, 2, 4, 5, 7, 8]);
  assert.equal(await deadLetters(settings), 1);
});

test('a view with a transient failure leaves no rows in the table until it succeeds', async (t) => {
  const { settings, table, send, run, names, columnOf } = await createPlans(t);
  const view = (expression: string) =>
    `CREATE MATERIALIZED VIEW ${table('mv')} TO ${table('f')} AS SELECT ${expression} AS f FROM ${table('plans_raw')}`;
  const large = "concat(assumeNotNull(name), if(length(range(if(name = 'aa', 20000000, 1))) > 9, '!', ''))";
  await run(`CREATE TABLE ${table('f')} ${target()}`, view(large));
  const front = await createClickHouseFront(t, settings.clickhouse.url, { max_memory_usage: '60000000' });
  await send('2', 'aa', '3');
  const { running } = startSink(
    t,
    { ...settings, clickhouse: { ...settings.clickhouse, url: front.url } },
    ['plans'],
    true,
  );
  const inserts = () => front.statements.filter((statement) => statement.startsWith('INSERT INTO')).length;
  await waitFor(
    'a table without the rows',
    async () => inserts() > 1 && (await names()).length === 0,
    20_000,
  );
  await run(`DROP VIEW ${table('mv')}`, view('name'));
  const [counts] = await running;
  assert.equal(counts?.failure, undefined);
  assert.deepEqual(await names(), ['2', '3', 'aa']);
  assert.deepEqual(await columnOf('f', 'f'), ['2', '3', 'aa']);
});
