import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulatorOptions } from '../../../simulator/options.ts';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';

type Row = Readonly<Record<string, unknown>>;

const basic = (user: string) => `Basic ${Buffer.from(`${user}:`).toString('base64')}`;

function ask(simulator: Simulator, url: string, authorization: string | undefined = basic('key')) {
  const { status, body } = simulator.answer({ method: 'GET', url: `/v1${url}`, authorization });
  assert.ok(typeof body === 'string');
  return { status, body: JSON.parse(body) as Row };
}

const simulator = createSimulator({ customers: 50 });

test('the simulator accepts any key unless a key is configured, and rejects a missing key', () => {
  const refused = { status: 401, body: { code: 401, message: 'No valid API key provided', param: null } };
  assert.equal(ask(simulator, '/ping').status, 200);
  assert.deepEqual(ask(simulator, '/ping', ''), refused);
  assert.deepEqual(ask(simulator, '/ping', basic('')), refused);
  const strict = createSimulator({ customers: 1, apiKey: 'right' });
  assert.equal(ask(strict, '/ping', basic('right')).status, 200);
  assert.deepEqual(ask(strict, '/ping', basic('wrong')), refused);
});

test('an unknown address returns 404, and an unknown record returns the older form of 404', () => {
  assert.equal(ask(simulator, '/subscriptions').status, 404);
  assert.deepEqual(ask(simulator, '/data_sources/ds_none'), {
    status: 404,
    body: { error: 'Data source not found' },
  });
  assert.deepEqual(ask(simulator, '/invoices/inv_none'), {
    status: 404,
    body: { error: 'Invoice not found' },
  });
});

test('a search without a match returns 404 with the e-mail address that was not found', () => {
  assert.deepEqual(ask(simulator, '/customers/search?email=no@email.com'), {
    status: 404,
    body: { code: 404, message: `Can't find any customers with email: "no@email.com"`, param: 'email' },
  });
});

test('a search by e-mail address returns only customers with that address', () => {
  const [first] = [...simulator.truth('customers')].filter((row) => row['email'] !== '');
  const found = ask(simulator, `/customers/search?email=${encodeURIComponent(String(first?.['email']))}`)
    .body['entries'] as Row[];
  assert.ok(found.some((row) => row['uuid'] === first?.['uuid']));
  assert.ok(found.every((row) => row['email'] === first?.['email']));
});

test('page= is rejected as deprecated and accepted when enabled', () => {
  const message = 'Parameter "page" is deprecated';
  assert.deepEqual(ask(simulator, '/customers?page=2'), {
    status: 400,
    body: { code: 400, message, param: 'page' },
  });
  const { body } = ask(createSimulator({ customers: 50, allowPage: true }), '/plans?page=2&per_page=20');
  assert.deepEqual(
    {
      plans: (body['plans'] as Row[]).length,
      currentPage: body['current_page'],
      totalPages: body['total_pages'],
    },
    { plans: 7, currentPage: 2, totalPages: 2 },
  );
});

test('an unknown cursor returns 400', () => {
  for (const address of ['customers', 'contacts', 'plans', 'invoices', 'subscription_events', 'activities']) {
    assert.equal(ask(simulator, `/${address}?cursor=bm90IG1pbmU%3D`).status, 400, address);
  }
});

test('line items and transactions require data_source_uuid and external_id', () => {
  assert.equal(ask(simulator, '/line_items').status, 400);
  assert.equal(ask(simulator, '/transactions?external_id=tr_1_1').status, 400);
});

test('the account and data sources include optional parts only on request', () => {
  assert.ok(!('refund_handling' in ask(simulator, '/account').body));
  assert.equal(ask(simulator, '/account?include=refund_handling').body['refund_handling'], 'ignore');
  const [plain] = ask(simulator, '/data_sources').body['data_sources'] as Row[];
  const [asked] = ask(simulator, '/data_sources?with_processing_status=true').body['data_sources'] as Row[];
  assert.ok(!('processing_status' in (plain ?? {})) && 'processing_status' in (asked ?? {}));
});

test('a customer shows overrides and history only on request', () => {
  const [customer] = simulator.truth('customers');
  for (const address of ['', '/attributes']) {
    const url = `/customers/${String(customer?.['uuid'])}${address}`;
    const { body } = ask(simulator, `${url}?with_overrides=true&attributes_with_history=custom.CAC`);
    assert.deepEqual(Object.keys(body['historical_values'] as Row), ['custom.CAC']);
    assert.deepEqual(body['overrides'], {});
    const plain = ask(simulator, url).body;
    assert.ok(!('overrides' in plain) && !('historical_values' in plain));
  }
});

test('filters keep only the matching rows', () => {
  const count = (url: string) => (Object.values(ask(simulator, url).body)[0] as Row[]).length;
  const statuses = [
    'New_Lead',
    'Working_Lead',
    'Qualified_Lead',
    'Unqualified_Lead',
    'Active',
    'Past_Due',
    'Cancelled',
  ];
  const byStatus = statuses.map((status) => count(`/customers?status=${status}`));
  assert.equal(
    byStatus.reduce((sum, part) => sum + part),
    count('/customers'),
  );
  assert.equal(count('/tasks?completed=true') + count('/tasks?completed=false'), count('/tasks'));
  assert.equal(count('/notes?type=call') + count('/notes?type=note'), count('/notes'));
  const [customer] = [...simulator.truth('invoices')].map((row) => row['customer_uuid']);
  const own = [...simulator.truth('invoices')].filter((row) => row['customer_uuid'] === customer);
  assert.equal(
    count(`/invoices?customer_uuid=${String(customer)}&validation_type=all&with_disabled=true`),
    own.length,
  );
  assert.equal(count('/customers?external_id=cus_0000001'), 1);
  assert.equal(count('/plans?external_id=starter_annual'), 3);
});

const dlt: Partial<SimulatorOptions> = { customers: 60 };
const dltLists: Readonly<Record<string, string>> = {
  '/sources': 'data_sources',
  '/customers': 'customers',
  '/subscriptions': 'customer_subscriptions',
  '/plans': 'plans',
};

test("the addresses in dltHub's documentation return all rows of their streams by cursor", () => {
  const served = createSimulator({ ...dlt, dltAddresses: 'cursor' });
  for (const [address, stream] of Object.entries(dltLists)) {
    const rows: Row[] = [];
    for (let cursor = ''; ;) {
      const { body } = ask(served, `${address}?per_page=7${cursor}`);
      rows.push(...(body['entries'] as Row[]));
      if (body['has_more'] !== true) break;
      cursor = `&cursor=${encodeURIComponent(String(body['cursor']))}`;
    }
    assert.deepEqual(
      rows.map(({ uuid }) => uuid),
      [...served.truth(stream)].map(({ uuid }) => uuid),
      address,
    );
  }
});

test("the addresses in dltHub's documentation return all rows of their streams by page number", () => {
  const served = createSimulator({ ...dlt, dltAddresses: 'pages' });
  for (const [address, stream] of Object.entries(dltLists)) {
    const rows: Row[] = [];
    for (let page = 1; ; page++) {
      const { body } = ask(served, `${address}?per_page=7&page=${page}`);
      assert.ok(!('cursor' in body) && !('has_more' in body));
      rows.push(...(body['entries'] as Row[]));
      if (page >= Number(body['total_pages'])) break;
    }
    assert.deepEqual(
      rows.map(({ uuid }) => uuid),
      [...served.truth(stream)].map(({ uuid }) => uuid),
      address,
    );
  }
});

test("dltHub's addresses replace the real addresses when they are enabled", () => {
  const served = createSimulator({ ...dlt, dltAddresses: 'cursor' });
  const [customer] = served.truth('customers');
  assert.equal(ask(served, '/data_sources').status, 404);
  assert.equal(ask(served, `/customers/${String(customer?.['uuid'])}/subscriptions`).status, 404);
  const [transaction] = ask(served, '/transactions').body['entries'] as Row[];
  assert.match(String(transaction?.['invoice_uuid']), /^inv_/);
});
