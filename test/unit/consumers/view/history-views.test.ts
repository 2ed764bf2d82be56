import assert from 'node:assert/strict';
import test from 'node:test';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { viewSql } from '../../../../consumers/view/found-view.ts';
import { atTime, historyViews, takesTime, type History } from '../../../../consumers/view/history-views.ts';
import { selectOf } from '../../../../consumers/view/view-query.ts';
import { viewQueries } from '../../../../consumers/view/view.ts';
import { loadSettings } from '../../../../core/settings/config.ts';

function historyOf(key: readonly string[], ...names: readonly string[]): History {
  const type = parseColumnType('Nullable(String)');
  assert.ok(type);
  return { stream: 'plans', key, columns: names.map((name) => ({ name, type, comment: `A ${name}.` })) };
}

function textOf(history: History, view: string): string {
  const found = historyViews('db', history).find(({ name }) => name === view);
  assert.ok(found, view);
  return selectOf(found.query);
}

test('plans_history computes periods and changes from the neighbours of each version', () => {
  const text = textOf(historyOf(['uuid'], 'uuid', 'name', 'true'), 'plans_history');
  const window = 'OVER (PARTITION BY _row.`uuid` ORDER BY _row._version ASC ROWS BETWEEN UNBOUNDED';
  assert.ok(text.includes(`leadInFrame(toNullable(_row._timestamp)) ${window}`), text);
  assert.ok(text.includes('[sipHash64(tuple(_row.`name`)), sipHash64(tuple(_row.`true`))]'), text);
  assert.ok(text.includes("CAST(['name', 'true'], 'Array(String)')"), text);
  assert.ok(text.includes('FROM `db`.`plans_raw_history` AS _row FINAL'), text);
  assert.ok(text.endsWith('WHERE NOT _row._deleted'), text);
  assert.ok(!takesTime(text));
});

test('plans_at shows the latest version of each record up to a time, unless it is a delete', () => {
  const text = textOf(historyOf(['date', 'interval'], 'date', 'interval', 'mrr'), 'plans_at');
  const key = '_row.`date`, _row.`interval`';
  assert.ok(text.includes(`ORDER BY ${key}, _row._version DESC LIMIT 1 BY ${key}) AS _row`), text);
  assert.ok(text.includes("_row._timestamp <= parseDateTime64BestEffort({at:String}, 3, 'UTC')"), text);
  assert.ok(text.endsWith('WHERE NOT _row._deleted'), text);
  assert.ok(takesTime(text));
  assert.ok(atTime(text, '2026-03-01').includes("parseDateTime64BestEffort('2026-03-01', 3, 'UTC')"));
});

test('the period columns hide fields with the same names, and each column has a comment', () => {
  const history = historyOf(['uuid'], 'uuid', 'valid_to', 'name');
  const [versions, records] = historyViews('db', history).map(({ query }) => query.columns);
  const namesOf = (columns: typeof versions) => columns?.map(({ name }) => name);
  const own = ['valid_from', 'valid_to', 'deleted_at', 'changed_fields', '_changed_at'];
  assert.deepEqual(namesOf(versions), ['uuid', 'name', ...own]);
  assert.deepEqual(namesOf(records), ['uuid', 'valid_to', 'name', '_changed_at']);
  for (const { name, comment } of [...(versions ?? []), ...(records ?? [])])
    assert.notEqual(comment, '', name);
});

test('a stream with a history has history views, unless another stream has their names', () => {
  const history = historyOf(['uuid'], 'uuid', 'name');
  const namesOf = (tables: readonly string[], kept?: History) =>
    viewQueries('db', 'plans', new Map(tables.map((name) => [name, history.columns])), kept).map(
      ({ name, owner }) => `${name} of ${owner}`,
    );
  assert.deepEqual(namesOf(['plans']), ['plans of plans']);
  assert.deepEqual(namesOf(['plans'], history), [
    'plans of plans',
    'plans_history of plans',
    'plans_at of plans',
  ]);
  assert.deepEqual(namesOf(['plans', 'plans_at'], history), ['plans of plans', 'plans_history of plans']);
});

test('a view with a parameter is created without a column list', () => {
  const { clickhouse } = loadSettings({}, '');
  const select = 'SELECT uuid FROM db.plans_raw_history WHERE _timestamp <= {at:String}';
  const view = { name: 'plans_at', owner: 'plans', select, columns: [], tables: new Map() };
  const sql = viewSql({ name: 'db', settings: clickhouse }, view, [], false);
  assert.ok(sql.startsWith(`CREATE VIEW IF NOT EXISTS \`db\`.\`plans_at\` AS ${select} COMMENT '`), sql);
});
