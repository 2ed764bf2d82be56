import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulatorOptions } from '../../../simulator/options.ts';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';
import { goldPlan, importSource, recordsOf } from '../../helpers/import-file.ts';

type Row = Readonly<Record<string, unknown>>;

const authorization = `Basic ${Buffer.from('key:').toString('base64')}`;

function ask(simulator: Simulator, method: 'GET' | 'POST', path: string, body?: unknown) {
  const { status, body: text } = simulator.answer({ method, url: `/v1${path}`, authorization, body });
  assert.ok(typeof text === 'string');
  return { status, body: JSON.parse(text) as Row };
}

const arrays: Readonly<Record<string, string>> = {
  customer: 'customers',
  plan: 'plans',
  invoice: 'invoices',
  line_item: 'line_items',
  transaction: 'transactions',
  subscription_event: 'subscription_events',
};

function bodyOf(externalId: string, records: readonly Row[]): Row {
  const body: Record<string, unknown> = { external_id: externalId };
  for (const { object, ...fields } of records) {
    const name = arrays[String(object)] ?? '';
    body[name] = [...((body[name] ?? []) as Row[]), fields];
  }
  return body;
}

function start(options: Partial<SimulatorOptions> = {}) {
  const simulator = createSimulator({ customers: 30, ...options });
  const path = `/data_sources/${importSource(simulator)}/json_imports`;
  return { simulator, path };
}

test('an import is queued, processed and completed, and the lists then show its records', () => {
  const { simulator, path } = start();
  const before = [...simulator.truth('customers')].length;
  const body = bodyOf('one', [goldPlan, ...recordsOf('bulk_1'), ...recordsOf('bulk_2')]);
  assert.equal(ask(simulator, 'POST', path, body).body['status'], 'queued');
  assert.equal(ask(simulator, 'GET', `${path}/one`).body['status'], 'processing');
  assert.equal([...simulator.truth('customers')].length, before);
  const done = ask(simulator, 'GET', `${path}/one`).body;
  assert.equal(done['status'], 'completed');
  assert.deepEqual(Object.keys(done['status_details'] as Row), ['plans', 'bulk_1', 'bulk_2']);
  assert.equal([...simulator.truth('customers')].length, before + 2);
  const [customer] = ask(simulator, 'GET', '/customers?external_id=bulk_1').body['entries'] as Row[];
  const uuid = String(customer?.['uuid']);
  assert.deepEqual(ask(simulator, 'GET', `/customers/${uuid}`).body, customer);
  const [invoice] = ask(simulator, 'GET', `/invoices?customer_uuid=${uuid}`).body['invoices'] as Row[];
  assert.deepEqual(
    [invoice?.['external_id'], invoice?.['date'], invoice?.['customer_uuid']],
    ['inv_bulk_1', '2023-04-02T21:37:00.000Z', uuid],
  );
  assert.equal((invoice?.['line_items'] as Row[])[0]?.['amount_in_cents'], 5000);
  const ofCustomer = Object.entries(invoice ?? {}).filter(([name]) => name !== 'customer_uuid');
  const none = { cursor: null, has_more: false };
  assert.deepEqual(ask(simulator, 'GET', `/import/customers/${uuid}/invoices`).body, {
    customer_uuid: uuid,
    invoices: [Object.fromEntries(ofCustomer)],
    ...none,
  });
  assert.deepEqual(ask(simulator, 'GET', `/import/customers/${uuid}/subscriptions`).body, {
    customer_uuid: uuid,
    subscriptions: [],
    ...none,
  });
  assert.equal((invoice?.['transactions'] as Row[])[0]?.['result'], 'successful');
  const events = ask(simulator, 'GET', '/subscription_events?customer_external_id=bulk_1').body;
  assert.equal((events['subscription_events'] as Row[])[0]?.['external_id'], 'ev_bulk_1');
  assert.deepEqual(ask(simulator, 'GET', `/customers/${uuid}/subscriptions`).body['entries'], []);
  simulator.moveTo(1);
  assert.equal((ask(simulator, 'GET', '/customers?external_id=bulk_1').body['entries'] as Row[]).length, 1);
});

test('pages of five rows contain each generated and imported row once', () => {
  const { simulator, path } = start({ importPolls: 1 });
  const customers = Array.from({ length: 7 }, (_, index) => `bulk_${index}`);
  ask(simulator, 'POST', path, bodyOf('one', [goldPlan, ...customers.flatMap(recordsOf)]));
  ask(simulator, 'GET', `${path}/one`);
  for (const [address, key] of [
    ['customers', 'entries'],
    ['plans', 'plans'],
    ['invoices', 'invoices'],
    ['subscription_events', 'subscription_events'],
  ] as const) {
    const query = 'validation_type=all&with_disabled=true&per_page=5';
    const found: unknown[] = [];
    let cursor = '';
    for (let hasMore = true; hasMore;) {
      const { body } = ask(simulator, 'GET', `/${address}?${query}${cursor}`);
      found.push(...(body[key] as Row[]).map((row) => row['uuid'] ?? row['id']));
      hasMore = body['has_more'] === true;
      cursor = `&cursor=${encodeURIComponent(String(body['cursor']))}`;
    }
    const truth = [...simulator.truth(address)].map((row) => row['uuid'] ?? row['id']);
    assert.deepEqual(found, truth);
    assert.equal(new Set(found).size, found.length);
    assert.ok(found.length > (address === 'plans' ? 1 : 7));
  }
});

test('an import that repeats an external id or a customer of an unfinished import is refused', () => {
  const { simulator, path } = start();
  const one = bodyOf('one', recordsOf('bulk_1'));
  ask(simulator, 'POST', path, one);
  assert.equal(ask(simulator, 'POST', path, one).status, 422);
  const two = bodyOf('two', recordsOf('bulk_1').slice(1, 2));
  assert.equal(ask(simulator, 'POST', path, two).status, 422);
  ask(simulator, 'GET', `${path}/one`);
  ask(simulator, 'GET', `${path}/one`);
  assert.equal(ask(simulator, 'POST', path, two).status, 200);
  const { applied, ...counts } = simulator.imports;
  assert.deepEqual(counts, { accepted: 2, repeated: 1, overlapping: 1 });
  assert.ok([...applied.values()].every((times) => times === 1));
});

test('an import into an unknown data source, or without records, is refused', () => {
  const { simulator, path } = start();
  assert.equal(ask(simulator, 'POST', '/data_sources/ds_none/json_imports', {}).status, 404);
  assert.equal(ask(simulator, 'POST', path, { external_id: 'one' }).status, 400);
  assert.equal(ask(simulator, 'GET', `${path}/none`).status, 404);
});

test('a line item with an unknown plan fails with a reason, and other records are imported', () => {
  const { simulator, path } = start({ importPolls: 1 });
  ask(simulator, 'POST', path, bodyOf('one', recordsOf('bulk_1')));
  const details = ask(simulator, 'GET', `${path}/one`).body['status_details'] as Row;
  assert.deepEqual(details['bulk_1'], {
    status: 'imported',
    line_items: { status: 'not_imported', errors: { plan_external_id: ['is unknown'] } },
  });
});
