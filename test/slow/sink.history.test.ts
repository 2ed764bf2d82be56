import assert from 'node:assert/strict';
import test from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { ConfigError } from '../../core/errors.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import {
  planMessages,
  sendVersions,
  shownVersions,
  sunk,
  versionsOf,
  withHistory,
} from '../helpers/plan-history.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

test('a history shows every version of a record', async (t) => {
  const settings = withHistory(createSettings(t), 'plans');
  await createTopics(settings, 'plans');
  await sendVersions(
    t,
    settings,
    { uuid: 'a', name: 'one', interval_count: 1 },
    { uuid: 'b', name: 'other' },
    { uuid: 'a', name: 'two', interval_count: 1 },
  );
  await sunk(settings);
  await sendVersions(t, settings, { uuid: 'a', name: 'two', interval_count: null }, 'a');
  await sendVersions(t, settings, { uuid: 'a', name: 'back', interval_count: 3 }, 'c');
  await sunk(settings);

  await t.test(
    'each version shows its period, whether it was deleted, and which fields changed',
    async () => {
      const shown = await shownVersions(settings);
      assert.deepEqual(shown, versionsOf(await planMessages(settings)));
      const changes = await rowsOf(
        settings,
        `SELECT name, valid_to IS NULL AS current, deleted_at IS NOT NULL AS deleted, changed_fields FROM plans_history WHERE uuid = 'a' ORDER BY valid_from`,
      );
      assert.deepEqual(changes, [
        { name: 'one', current: 0, deleted: 0, changed_fields: [] },
        { name: 'two', current: 0, deleted: 0, changed_fields: ['name'] },
        { name: 'two', current: 0, deleted: 1, changed_fields: ['interval_count'] },
        { name: 'back', current: 1, deleted: 0, changed_fields: [] },
      ]);
    },
  );

  await t.test('each version is valid from the start to the end of its period', async () => {
    const periods = await rowsOf(
      settings,
      `SELECT name, toUnixTimestamp64Milli(valid_from) AS start, toUnixTimestamp64Milli(valid_to) AS end FROM plans_history WHERE uuid = 'a' ORDER BY valid_from`,
    );
    const nameAt = async (ms: unknown) => {
      const at = new Date(Number(ms)).toISOString();
      const rows = await rowsOf(settings, `SELECT name FROM plans_at(at = '${at}') WHERE uuid = 'a'`);
      return rows.map(({ name }) => name);
    };
    assert.deepEqual(await nameAt(Number(periods[0]?.['start']) - 1), []);
    for (const { name, start, end } of periods) {
      assert.deepEqual(await nameAt(start), [name]);
      if (end !== null) assert.deepEqual(await nameAt(Number(end) - 1), [name]);
    }
    assert.deepEqual(await nameAt(periods[2]?.['end']), []);
  });

  await t.test('the current versions in both views equal the table', async () => {
    const now = await rowsOf(settings, 'SELECT * FROM plans ORDER BY uuid');
    const query = 'FROM plans_history WHERE valid_to IS NULL ORDER BY uuid';
    assert.deepEqual(
      await rowsOf(settings, `SELECT * EXCEPT (valid_from, valid_to, deleted_at, changed_fields) ${query}`),
      now,
    );
    const tomorrow = `now() + INTERVAL 1 DAY`;
    assert.deepEqual(await rowsOf(settings, `SELECT * FROM plans_at(at = ${tomorrow}) ORDER BY uuid`), now);
    const comments = await rowsOf(
      settings,
      `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'plans_history' AND comment = ''`,
    );
    assert.deepEqual(comments, []);
    await assertReconciled(settings, ['plans']);
  });

  await t.test('a field that the schema has gained appears in the history', async () => {
    const schema = readStreamSchema('plans');
    const label = { name: 'label', type: ['null', 'string'], default: null } as const;
    const wider = { ...schema, fields: [...schema.fields, label] };
    const producer = await createProducer(t, settings);
    const messages = await messagesOf(settings, 'plans', [{ uuid: 'b', name: 'other', label: 'x' }], wider);
    await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
    await sunk(settings);
    const versions = await rowsOf(
      settings,
      `SELECT label, changed_fields FROM plans_history WHERE uuid = 'b' ORDER BY valid_from`,
    );
    assert.deepEqual(versions, [
      { label: null, changed_fields: [] },
      { label: 'x', changed_fields: ['label'] },
    ]);
    const [past] = await rowsOf(settings, `SELECT label FROM plans_at(at = '2100-01-01') WHERE uuid = 'b'`);
    assert.deepEqual(past, { label: 'x' });
    await assertReconciled(settings, ['plans']);
  });
});

test('a row that the table refuses is not in the history', async (t) => {
  const settings = withHistory(createSettings(t), 'plans');
  await createTopics(settings, 'plans');
  await sendVersions(t, settings, { uuid: 'a', name: 'one' });
  await sunk(settings);
  const table = `${settings.clickhouse.database}.plans_raw`;
  await command(settings, `ALTER TABLE ${table} ADD CONSTRAINT named CHECK _deleted OR name != 'bad'`);
  await sendVersions(t, settings, { uuid: 'a', name: 'bad' }, { uuid: 'c', name: 'good' });
  const [counts] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ failure: counts?.failure, dead: counts?.deadLetters }, { failure: undefined, dead: 1 });
  const names = await rowsOf(settings, 'SELECT name, valid_to FROM plans_history ORDER BY name');
  assert.deepEqual(names, [
    { name: 'good', valid_to: null },
    { name: 'one', valid_to: null },
  ]);
});

test('reconcile reports a history whose newest version does not match the row in the table', async (t) => {
  const settings = withHistory(createSettings(t), 'plans');
  await createTopics(settings, 'plans');
  await sendVersions(
    t,
    settings,
    { uuid: 'a', name: 'one' },
    { uuid: 'a', name: 'two' },
    { uuid: 'b', name: 'b' },
  );
  await sunk(settings);
  const history = `${settings.clickhouse.database}.plans_raw_history`;
  await command(settings, `DELETE FROM ${history} WHERE name = 'two'`);
  const { faults } = await comparisonOf(settings, 'plans');
  assert.match(
    faults.join(),
    /^in plans_history, the newest version of 1 record .*npm run replay -- --streams plans/,
  );
});

test('the sink rejects a history of a stream that does not exist', async (t) => {
  const settings = withHistory(createSettings(t), 'plan');
  await assert.rejects(
    sinkStreams(settings, 'plans'),
    (error) => error instanceof ConfigError && /^HISTORY_STREAMS .*"plan"/.test(error.message),
  );
});
