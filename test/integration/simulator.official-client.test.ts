import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test, type TestContext } from 'node:test';
import { listen } from '../../simulator/server.ts';
import { createSimulator, type Simulator } from '../../simulator/simulator.ts';
import type { SimulatorOptions } from '../../simulator/options.ts';

type Row = Readonly<Record<string, unknown>>;
type Query = Readonly<Record<string, unknown>>;
/** A resource of ChartMogul's own client, which has no types. */
type Resource = Readonly<Record<string, (config: unknown, ...rest: unknown[]) => Promise<Row>>>;

interface OfficialClient {
  readonly Config: new (apiKey: string, apiBase: string) => { retries?: number };
  readonly Metrics: Resource & {
    readonly Customer: Resource;
    readonly Activity: Resource;
    readonly ActivitiesExport: Resource;
  };
  readonly [resource: string]: unknown;
}

const client = createRequire(import.meta.url)('chartmogul-node') as OfficialClient;

async function start(t: TestContext, options: Partial<SimulatorOptions> = {}) {
  const simulator = createSimulator({ customers: 120, seed: 5, rateLimit: 0, ...options });
  const server = await listen(simulator, 0);
  const { baseUrl } = server;
  t.after(() => server.close());
  const config = new client.Config('any-key', baseUrl.replace(/\/v1$/, ''));
  config.retries = 0;
  return { simulator, config };
}

function call(owner: string, method: string, ...args: unknown[]): Promise<Row> {
  const resource = client[owner] as Resource;
  const found = resource[method];
  assert.ok(found, `${owner}.${method}`);
  return found.apply(resource, args as [unknown]);
}

/** Follows cursors until `has_more` is false, as users of the client must. */
async function allPages(
  read: (query: Query) => Promise<Row>,
  key: string,
  query: Query = {},
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: unknown;
  for (;;) {
    const page = await read({ ...query, per_page: 17, ...(cursor !== undefined && { cursor }) });
    rows.push(...(page[key] as Row[]));
    if (page['has_more'] === false) return rows;
    cursor = page['cursor'];
  }
}

/** Returns the expected data as a JSON client reads it, with 64-bit integers rounded. */
function truth(simulator: Simulator, stream: string): unknown {
  const records = [...simulator.truth(stream)];
  return JSON.parse(
    JSON.stringify(records, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
  );
}

const lists = [
  { stream: 'customers', owner: 'Customer', key: 'entries' },
  { stream: 'contacts', owner: 'Contact', key: 'entries' },
  { stream: 'customer_notes', owner: 'CustomerNote', key: 'entries' },
  { stream: 'opportunities', owner: 'Opportunity', key: 'entries' },
  { stream: 'tasks', owner: 'Task', key: 'entries' },
  { stream: 'plans', owner: 'Plan', key: 'plans' },
  { stream: 'plan_groups', owner: 'PlanGroup', key: 'plan_groups' },
  {
    stream: 'invoices',
    owner: 'Invoice',
    key: 'invoices',
    query: { validation_type: 'all', with_disabled: true },
  },
  {
    stream: 'subscription_events',
    owner: 'SubscriptionEvent',
    key: 'subscription_events',
    query: { with_disabled: true },
  },
] as const;

for (const { stream, owner, key, ...list } of lists) {
  test(`the official client reads all ${stream} page by page`, async (t) => {
    const { simulator, config } = await start(t);
    const query = 'query' in list ? list.query : {};
    const rows = await allPages((page) => call(owner, 'all', config, page), key, query);
    assert.ok(rows.length > 0);
    assert.deepEqual(rows, truth(simulator, stream));
  });
}

test('the official client reads the account and data sources, and pings the API', async (t) => {
  const { simulator, config } = await start(t);
  assert.deepEqual([await call('Account', 'retrieve', config)], truth(simulator, 'account'));
  assert.deepEqual(
    (await call('DataSource', 'all', config))['data_sources'],
    truth(simulator, 'data_sources'),
  );
  assert.deepEqual(await call('Ping', 'ping', config), { data: 'pong!' });
});

test('the official client reads the subscriptions and activities of every customer', async (t) => {
  const { simulator, config } = await start(t, { customers: 40 });
  const subscriptions: Row[] = [];
  const activities: Row[] = [];
  for (const { uuid } of simulator.truth('customers')) {
    const read = (method: 'subscriptions' | 'activities') =>
      allPages(
        (page) => client.Metrics.Customer[method]?.(config, uuid, page) ?? Promise.reject(new Error(method)),
        'entries',
      );
    const [ofThis, doneByThis] = [await read('subscriptions'), await read('activities')];
    subscriptions.push(...ofThis.map((row) => ({ ...row, customer_uuid: uuid })));
    activities.push(...doneByThis.map((row) => ({ ...row, customer_uuid: uuid })));
  }
  assert.deepEqual(subscriptions, truth(simulator, 'customer_subscriptions'));
  assert.deepEqual(activities, truth(simulator, 'customer_activities'));
});

test('the official client reads the plans of every plan group', async (t) => {
  const { simulator, config } = await start(t);
  const rows: Row[] = [];
  for (const { uuid } of [...simulator.truth('plan_groups')].reverse()) {
    const plans = await allPages((page) => call('PlanGroup', 'all', config, uuid, 'plans', page), 'plans');
    rows.push(...plans.map((row) => ({ ...row, plan_group_uuid: uuid })));
  }
  assert.deepEqual(rows, truth(simulator, 'plan_group_plans'));
});

test('the official client reads all activities with the option activitiesCursor: sound', async (t) => {
  const { simulator, config } = await start(t, { activitiesCursor: 'sound' });
  const rows = await allPages(
    (page) => client.Metrics.Activity['all']?.(config, page) ?? Promise.reject(new Error()),
    'entries',
  );
  assert.deepEqual(rows, truth(simulator, 'activities'));
});

test('the official client reads every metric', async (t) => {
  const { simulator, config } = await start(t);
  const query = { 'start-date': '2023-10-01', 'end-date': '2026-10-01', interval: 'month' };
  for (const [method, stream] of [
    ['all', 'metrics_all'],
    ['mrr', 'metrics_mrr'],
    ['arr', 'metrics_arr'],
    ['arpa', 'metrics_arpa'],
    ['asp', 'metrics_asp'],
    ['customerCount', 'metrics_customer_count'],
    ['customerChurnRate', 'metrics_customer_churn_rate'],
    ['mrrChurnRate', 'metrics_mrr_churn_rate'],
    ['ltv', 'metrics_ltv'],
  ] as const) {
    const answer = await call('Metrics', method, config, query);
    const entries = (answer['entries'] as Row[]).map((entry) => ({ ...entry, interval: 'month' }));
    assert.deepEqual(entries, truth(simulator, stream), method);
    assert.equal(typeof answer['summary'], 'object');
  }
});

test('the official client retrieves single records and looks up nested ones', async (t) => {
  const { simulator, config } = await start(t);
  for (const [stream, owner] of [
    ['contacts', 'Contact'],
    ['customer_notes', 'CustomerNote'],
    ['opportunities', 'Opportunity'],
    ['plans', 'Plan'],
    ['plan_groups', 'PlanGroup'],
    ['data_sources', 'DataSource'],
    ['tasks', 'Task'],
  ] as const) {
    const [first] = truth(simulator, stream) as Row[];
    assert.deepEqual(
      await call(owner, 'retrieve', config, first?.['uuid'] ?? first?.['task_uuid']),
      first,
      stream,
    );
  }
  const hidden = { validation_type: 'all', with_disabled: true };
  const invoices = truth(simulator, 'invoices') as (Row & { line_items: Row[]; transactions: Row[] })[];
  const invoice = invoices.find((candidate) => candidate.transactions.length > 0);
  const [item, transaction] = [invoice?.line_items[0], invoice?.transactions[0]];
  assert.deepEqual(await call('Invoice', 'retrieve', config, invoice?.['uuid'], hidden), invoice);
  assert.deepEqual(await call('LineItem', 'retrieve', config, item?.['uuid'], hidden), item);
  assert.deepEqual(await call('Transaction', 'retrieve', config, transaction?.['uuid'], hidden), transaction);
  const found = await call('LineItem', 'all', config, {
    ...hidden,
    data_source_uuid: invoice?.['data_source_uuid'],
    external_id: item?.['external_id'],
  });
  assert.deepEqual(found, { line_items: [item] });
});

test('the official client exports activities and polls until the file is ready', async (t) => {
  const { simulator, config } = await start(t);
  const { ActivitiesExport } = client.Metrics;
  const { id } =
    (await ActivitiesExport['create']?.(config, { 'start-date': '2020-01-01', 'end-date': '2030-01-01' })) ??
    {};
  let job = await ActivitiesExport['retrieve']?.(config, id);
  for (let poll = 0; poll < 5 && job?.['status'] !== 'succeeded'; poll++)
    job = await ActivitiesExport['retrieve']?.(config, id);
  const file = await fetch(String(job?.['file_url']), { signal: AbortSignal.timeout(10_000) });
  const rows = (await file.text()).match(/[0-9a-f-]{36}\n/g);
  assert.equal(rows?.length, [...simulator.truth('activities')].length);
});

test('the official client imports in bulk and polls until the import is complete', async (t) => {
  const { simulator, config } = await start(t);
  const [source] = simulator.truth('data_sources');
  const started = await call('JsonImport', 'create', config, source?.['uuid'], {
    external_id: 'import_1',
    customers: [{ external_id: 'scus_1' }],
  });
  assert.equal(started['status'], 'queued');
  await call('JsonImport', 'retrieve', config, source?.['uuid'], 'import_1');
  const done = await call('JsonImport', 'retrieve', config, source?.['uuid'], started['id']);
  assert.equal(done['status'], 'completed');
  assert.deepEqual(Object.keys(done['status_details'] as Row), ['plans', 'scus_1']);
});

test('the official client recognizes the errors of the simulator', async (t) => {
  const { config } = await start(t, { apiKey: 'right-key' });
  await assert.rejects(call('Ping', 'ping', config), { status: 401 });
  const { config: letIn } = await start(t);
  await assert.rejects(call('Customer', 'retrieve', letIn, 'cus_nobody'), { status: 404 });
  await assert.rejects(call('Customer', 'search', letIn, { email: 'no@email.com' }), { status: 404 });
  await assert.rejects(call('Customer', 'all', letIn, { cursor: 'bad' }), { status: 400 });
});
