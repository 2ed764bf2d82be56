import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulatorOptions } from '../../../simulator/options.ts';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';

type Row = Readonly<Record<string, unknown>>;

const rows = (simulator: Simulator, stream: string): Row[] => [...simulator.truth(stream)];
const sum = (values: readonly unknown[]) => values.reduce<number>((total, value) => total + Number(value), 0);
const uuids = (records: readonly Row[]) => records.map((row) => row['uuid']);
const moving: Partial<SimulatorOptions> = { customers: 400, seed: 11, changes: 0.2, deletes: 0.1 };

test('a seed always creates the same account, and another seed creates a different account', () => {
  const first = createSimulator({ customers: 100, seed: 4 });
  const same = createSimulator({ customers: 100, seed: 4 });
  const other = createSimulator({ customers: 100, seed: 5 });
  for (const stream of first.streams) {
    assert.deepEqual(rows(first, stream), rows(same, stream), stream);
  }
  assert.notDeepEqual(rows(first, 'customers'), rows(other, 'customers'));
});

test('a simulator moved to a revision equals a simulator started at that revision', () => {
  const moved = createSimulator(moving);
  moved.moveTo(5);
  moved.moveTo(3);
  const started = createSimulator({ ...moving, revision: 3 });
  for (const stream of started.streams) assert.deepEqual(rows(moved, stream), rows(started, stream), stream);
});

test('a revision changes, adds and removes about the configured shares of records', () => {
  const before = new Map(rows(createSimulator(moving), 'customers').map((row) => [row['uuid'], row]));
  const after = rows(createSimulator({ ...moving, revision: 1 }), 'customers');
  const left = new Set(uuids(after));
  const gone = [...before.keys()].filter((uuid) => !left.has(uuid)).length;
  const added = after.filter((row) => !before.has(row['uuid'])).length;
  const changed = after.filter(
    (row) =>
      before.has(row['uuid']) &&
      JSON.stringify(plain(row)) !== JSON.stringify(plain(before.get(row['uuid']))),
  ).length;
  assert.equal(added, 20);
  assert.ok(gone > 20 && gone < 60, `${gone} gone`);
  assert.ok(changed > 30 && changed < 120, `${changed} changed`);
});

function plain(row: Row | undefined): unknown {
  return JSON.parse(
    JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  );
}

test('a revision without changes or deletes equals the original account', () => {
  const still = { customers: 100, changes: 0, deletes: 0 };
  for (const stream of ['customers', 'invoices', 'activities', 'contacts', 'tasks']) {
    assert.deepEqual(
      rows(createSimulator({ ...still, revision: 2 }), stream),
      rows(createSimulator(still), stream),
    );
  }
});

test('some deleted customers reappear as an external_id of another customer', () => {
  const before = rows(createSimulator(moving), 'customers');
  const after = rows(createSimulator({ ...moving, revision: 1 }), 'customers');
  const left = new Set(uuids(after));
  const known = new Set(after.flatMap((row) => row['external_ids'] as string[]));
  const lost = before.filter((row) => !left.has(row['uuid']));
  const merged = lost.filter((row) => known.has(String(row['external_id'])));
  assert.ok(merged.length > 0 && merged.length < lost.length, `${merged.length} of ${lost.length}`);
});

for (const revision of [0, 4]) {
  test(`money and references are consistent at revision ${revision}`, () => {
    const simulator = createSimulator({ ...moving, revision });
    const customers = rows(simulator, 'customers');
    const known = new Set(uuids(customers));
    const subscriptions = rows(simulator, 'customer_subscriptions');
    const activities = rows(simulator, 'activities');
    for (const customer of customers) {
      const own = subscriptions.filter(
        (row) => row['customer_uuid'] === customer['uuid'] && row['status'] === 'active',
      );
      const moved = activities.filter((row) => row['customer-uuid'] === customer['uuid']);
      assert.equal(sum(own.map((row) => row['mrr'])), customer['mrr']);
      assert.equal(sum(moved.map((row) => row['activity-mrr-movement'])), customer['mrr']);
      assert.equal(Number(customer['mrr']) * 12, customer['arr']);
    }
    assert.equal(rows(simulator, 'metrics_mrr').at(-1)?.['mrr'], sum(customers.map((row) => row['mrr'])));
    assert.equal(
      rows(simulator, 'metrics_customer_count').at(-1)?.['customers'],
      customers.filter((row) => Number(row['mrr']) > 0).length,
    );
    const plans = new Set(uuids(rows(simulator, 'plans')));
    const names = new Set(subscriptions.map((row) => row['external_id']));
    for (const invoice of rows(simulator, 'invoices')) {
      assert.ok(known.has(invoice['customer_uuid']));
      for (const item of invoice['line_items'] as Row[]) {
        assert.ok(
          item['type'] === 'one_time' ||
            (plans.has(item['plan_uuid']) && names.has(item['subscription_external_id'])),
        );
      }
    }
    for (const stream of ['contacts', 'customer_notes', 'opportunities', 'tasks']) {
      for (const row of rows(simulator, stream))
        assert.ok(row['customer_uuid'] === null || known.has(row['customer_uuid']), stream);
    }
  });
}

test('every stream has rows, and no two rows share a key', () => {
  const simulator = createSimulator({ ...moving, revision: 3 });
  const keys: Readonly<Record<string, readonly string[]>> = {
    customer_activities: ['id'],
    subscription_events: ['id'],
    tasks: ['task_uuid'],
    plan_group_plans: ['plan_group_uuid', 'uuid'],
    account: ['id'],
  };
  for (const stream of simulator.streams) {
    const key = keys[stream] ?? (stream.startsWith('metrics_') ? ['date', 'interval'] : ['uuid']);
    const found = rows(simulator, stream).map((row) => key.map((name) => row[name]).join('|'));
    assert.ok(found.length > 0, stream);
    assert.equal(new Set(found).size, found.length, stream);
  }
});

// Creating all customers would exhaust the memory.
test('an account with ten million customers creates only the rows that are read', () => {
  const simulator = createSimulator({ customers: 10_000_000 });
  for (const stream of ['customers', 'contacts', 'invoices', 'subscription_events', 'opportunities']) {
    let seen = 0;
    for (const record of simulator.truth(stream)) if (++seen === 200 || record['uuid'] === '') break;
    assert.equal(seen, 200);
  }
});
