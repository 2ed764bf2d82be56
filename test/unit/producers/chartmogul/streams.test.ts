import assert from 'node:assert/strict';
import test from 'node:test';
import { readStreamSchema, streamNames } from '../../../../core/avro/schema-files.ts';
import { isProducedName } from '../../../../core/stream-name.ts';
import { eventStream, streams } from '../../../../producers/chartmogul/streams.ts';
import { RUNS } from '../../../../producers/publish/send-run.ts';

const specOf = (name: string) => streams.find((candidate) => candidate.name === name);

test('every stream has a schema, and every schema except that of runs has a stream', () => {
  const names = [...streams, eventStream].map(({ name }) => name);
  assert.deepEqual([...names, RUNS].sort(), [...streamNames]);
});

for (const { name, paths, query, parent, metric, deletes } of streams) {
  test(`${name} has a safe name and addresses with a leading slash and no query`, () => {
    assert.ok(isProducedName(name));
    for (const path of paths) assert.match(path, /^(\/([a-z_-]+|\{[a-z_]+\}))+$/);
    assert.ok(!('per_page' in (query ?? {})));
  });

  test(`${name} defines the source of its address parameters and added fields`, () => {
    const named = paths.flatMap((path) => [...path.matchAll(/\{(\w+)\}/g)].map(([, field]) => field));
    assert.deepEqual(named, parent === undefined ? [] : [parent.field]);
    const { fields, primaryKey } = readStreamSchema(name);
    const added = [
      ...(parent === undefined ? [] : [parent.field]),
      ...(metric === undefined ? [] : ['interval']),
    ];
    for (const field of added) assert.ok(fields.some((known) => known.name === field));
    if (metric !== undefined) assert.deepEqual(primaryKey, ['date', 'interval']);
    if (parent !== undefined) assert.ok(specOf(parent.stream)?.parent === undefined && specOf(parent.stream));
  });

  if (deletes.proof === 'look-up')
    test(`${name} looks up a missing record by its key`, () => {
      assert.equal(deletes.path, `${paths[0]}/{key}`);
      // A lookup without the filters of the list would miss records that the list shows.
      assert.deepEqual(deletes.query, query);
      assert.equal(readStreamSchema(name).primaryKey.length, 1);
    });
}

test('invoices, transactions and subscription_events include what their lists hide by default', () => {
  const everything = { validation_type: 'all', with_disabled: true };
  assert.deepEqual(specOf('invoices')?.query, everything);
  assert.deepEqual(specOf('transactions')?.query, everything);
  assert.deepEqual(specOf('subscription_events')?.query, { with_disabled: true });
});

test('the streams include the addresses that dltHub uses, and transactions is optional', () => {
  assert.deepEqual(specOf('data_sources')?.paths, ['/data_sources', '/sources']);
  assert.equal(specOf('customer_subscriptions')?.paths[0], '/subscriptions');
  assert.ok(specOf('transactions')?.isOptional);
});

test('the unreliable cursor of activities is not followed', () => {
  assert.equal(specOf('activities')?.paging, 'start-after');
});

test('activities and subscription_events delete after two misses; account is a single record', () => {
  const proofs = new Map(streams.map(({ name, deletes }) => [name, deletes.proof]));
  assert.deepEqual(
    { activities: proofs.get('activities'), subscriptionEvents: proofs.get('subscription_events') },
    { activities: 'twice', subscriptionEvents: 'twice' },
  );
  assert.deepEqual(new Set(proofs.values()), new Set(['look-up', 'twice', 'single', 'none']));
  const single = streams.filter(({ deletes }) => deletes.proof === 'single');
  assert.deepEqual(
    single.map(({ name, listKey }) => [name, listKey]),
    [['account', null]],
  );
});

test('tasks are identified and looked up by task_uuid', () => {
  assert.deepEqual(readStreamSchema('tasks').primaryKey, ['task_uuid']);
  assert.equal(specOf('tasks')?.deletes.proof, 'look-up');
});

test('the nine metrics are streams, and only asp lacks some of the intervals', () => {
  const metrics = streams.filter(({ metric }) => metric !== undefined);
  assert.equal(metrics.length, 9);
  assert.deepEqual(
    metrics.filter(({ metric }) => metric?.intervals !== undefined).map(({ name, metric }) => [name, metric]),
    [['metrics_asp', { intervals: ['month', 'quarter', 'year'] }]],
  );
});
