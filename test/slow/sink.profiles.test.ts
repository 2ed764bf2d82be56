import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createClickHouseFront } from '../helpers/clickhouse-front.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { assertWide, createSender } from '../helpers/wide-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer } from '../helpers/topic.ts';

async function sinkOne(settings: Settings, stream: string) {
  const [counts] = await sinkStreams(settings, stream);
  assert.ok(counts);
  assert.equal(counts.failure, undefined);
  return counts;
}

const at = (settings: Settings, url: string): Settings => ({
  ...settings,
  clickhouse: { ...settings.clickhouse, url },
});

test('a wide table with long comments is created, widened, filled and compared', async (t) => {
  await assertWide(t, { count: 800, doc: 'x'.repeat(390) }, { count: 900, doc: "it's ".repeat(78) });
});

test("a user's settings profile changes neither tables nor query results", async (t) => {
  const shared = createSettings(t);
  const front = await createClickHouseFront(t, shared.clickhouse.url, {
    data_type_default_nullable: '1',
    flatten_nested: '0',
    final: '1',
    limit: '1',
    use_query_cache: '1',
    async_insert: '1',
    max_partitions_per_insert_block: '1',
    materialized_views_ignore_errors: '1',
    transform_null_in: '1',
    prefer_column_name_to_alias: '1',
    max_query_size: '3000',
    max_ast_elements: '60',
    input_format_defaults_for_omitted_fields: '0',
    apply_deleted_mask: '0',
    enforce_strict_identifier_format: '1',
  });
  const settings = at(shared, front.url);
  const send = await createSender(t, settings);
  await send('plans', [{ uuid: 'a' }, { uuid: 'b' }, { uuid: 'c' }]);
  const producer = await createProducer(t, settings);
  // The last row of its partition is a delete, which FINAL would hide.
  const topic = topicOf(settings.topicPrefix, 'plans');
  await producer.send({ topic, messages: ['a', 'b', 'c'].map((key) => ({ key, value: null })) });
  assert.equal((await sinkOne(settings, 'plans')).rows, 6);
  assert.equal((await sinkOne(settings, 'plans')).rows, 0);
  const types = `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'plans_raw'`;
  const columns = new Map((await rowsOf(shared, types)).map((row) => [row['name'], row['type']]));
  assert.deepEqual(
    ['uuid', 'name', '_version', '_deleted'].map((name) => columns.get(name)),
    ['String', 'Nullable(String)', 'UInt128', 'UInt8'],
  );
  await assertReconciled(settings, ['plans']);
  // Rows removed by DELETE stay invisible, despite `apply_deleted_mask = 0`.
  await send('plans', [{ uuid: 'd' }, { uuid: 'e' }]);
  assert.equal((await sinkOne(settings, 'plans')).rows, 2);
  const table = qualified(shared.clickhouse.database, 'plans_raw');
  await command(shared, `DELETE FROM ${table} WHERE uuid IN ('d', 'e')`);
  await assertReconciled(settings, ['plans'], { plans: { missing: 2 } });
  assert.equal((await sinkOne(settings, 'plans')).rows, 2);
  assert.equal((await sinkOne(settings, 'plans')).rows, 0);
});

test('a batch with rows for three hundred table partitions is inserted', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await send('plans', []);
  await sinkOne(settings, 'plans');
  const name = qualified(settings.clickhouse.database, 'plans_raw');
  const [made] = await rowsOf(
    settings,
    `SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name = 'plans_raw'`,
  );
  const sql = String(made?.['sql'])
    .replace(' ORDER BY ', ' PARTITION BY interval_count ORDER BY ')
    .replace(' SETTINGS ', ' SETTINGS allow_nullable_key = 1, ');
  await command(settings, `DROP TABLE ${name}`, sql);
  const days = Array.from({ length: 300 }, (_, index) => ({ uuid: `d${index}`, interval_count: index }));
  await send('plans', days);
  assert.equal((await sinkOne(settings, 'plans')).rows, 300);
  assert.deepEqual(await rowsOf(settings, 'SELECT count() AS n, uniqExact(uuid) AS u FROM plans_raw'), [
    { n: 300, u: 300 },
  ]);
});

test('the privilege to create databases is required only if the database is missing', async (t) => {
  const shared = createSettings(t);
  const front = await createClickHouseFront(t, shared.clickhouse.url);
  front.refuse = (statement) =>
    /^CREATE DATABASE/.test(statement)
      ? [
          497,
          'ACCESS_DENIED',
          "u1: Not enough privileges. To execute this query, it's necessary to have the grant CREATE DATABASE ON x.*.",
        ]
      : undefined;
  const settings = at(shared, front.url);
  const send = await createSender(t, settings);
  await send('plans', [{ uuid: 'a' }]);
  await assert.rejects(
    sinkStreams(settings, 'plans'),
    /^ServiceRefusedError: database \w+: .*497.*clickhouse-rights\.md lists/,
  );
  await command(shared, `CREATE DATABASE ${quoted(shared.clickhouse.database)}`);
  assert.equal((await sinkOne(settings, 'plans')).rows, 1);
});
