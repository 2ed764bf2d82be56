import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'lossless-json';
import type { SimulatorOptions } from '../../../simulator/options.ts';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';

type Row = Readonly<Record<string, unknown>>;
type Page = Row & { readonly cursor?: string | null; readonly has_more: boolean };

const authorization = `Basic ${Buffer.from('key:').toString('base64')}`;

function get(simulator: Simulator, address: string, query: Readonly<Record<string, string>> = {}): Page {
  const answer = simulator.answer({
    method: 'GET',
    url: `/v1${address}?${String(new URLSearchParams(query))}`,
    authorization,
  });
  assert.equal(answer.status, 200);
  assert.ok(typeof answer.body === 'string');
  return parse(answer.body, undefined, {
    parseNumber: (text) => (/^-?\d+$/.test(text) ? BigInt(text) : Number(text)),
  }) as Page;
}

function readAll(
  simulator: Simulator,
  address: string,
  key: string,
  query: Readonly<Record<string, string>>,
): Row[] {
  const rows: Row[] = [];
  const seen = new Set<string>();
  for (let cursor: string | undefined; ;) {
    const page = get(simulator, address, { ...query, ...(cursor !== undefined && { cursor }) });
    rows.push(...(page[key] as Row[]));
    if (!page.has_more) return rows;
    assert.ok(typeof page.cursor === 'string' && !seen.has(page.cursor), `cursor ${page.cursor} is repeated`);
    seen.add(page.cursor);
    cursor = page.cursor;
  }
}

const hidden = { validation_type: 'all', with_disabled: 'true' };
const lists = [
  ['/customers', 'entries'],
  ['/contacts', 'entries'],
  ['/customer_notes', 'entries'],
  ['/notes', 'entries'],
  ['/opportunities', 'entries'],
  ['/tasks', 'entries'],
  ['/plans', 'plans'],
  ['/plan_groups', 'plan_groups'],
  ['/invoices', 'invoices'],
  ['/subscription_events', 'subscription_events'],
  ['/activities', 'entries'],
] as const;

/** Accounts with everything that complicates the order of rows: revisions, merges and deletes. */
const accounts: fc.Arbitrary<Partial<SimulatorOptions>> = fc.record({
  seed: fc.nat(),
  customers: fc.integer({ min: 1, max: 60 }),
  revision: fc.nat({ max: 4 }),
  changes: fc.constantFrom(0, 0.1, 0.6),
  deletes: fc.constantFrom(0, 0.1),
});

for (const [address, key] of lists) {
  test(`pages of ${address} of any size add up to the same list, without a repeated row`, () => {
    fc.assert(
      fc.property(accounts, fc.integer({ min: 1, max: 50 }), (account, perPage) => {
        const simulator = createSimulator({ ...account, activitiesCursor: 'sound' });
        const pages = readAll(simulator, address, key, { ...hidden, per_page: String(perPage) });
        const whole = readAll(simulator, address, key, hidden);
        assert.deepEqual(pages, whole);
        const names = pages.map((row) => row['uuid'] ?? row['task_uuid'] ?? row['id']);
        assert.equal(new Set(names).size, names.length);
        assert.equal(pages.length, [...simulator.truth(address.slice(1))].length);
      }),
      { numRuns: 15 },
    );
  });
}

test('a page is the same whether or not the previous pages were read', () => {
  const read = createSimulator({ customers: 300, seed: 9 });
  const first = get(read, '/invoices', { per_page: '40' });
  const second = get(read, '/invoices', { per_page: '40', cursor: first.cursor ?? '' });
  const fresh = createSimulator({ customers: 300, seed: 9 });
  assert.deepEqual(get(fresh, '/invoices', { per_page: '40', cursor: first.cursor ?? '' }), second);
});

test('customers are sorted by the day of their first payment, with leads last', () => {
  const simulator = createSimulator({ customers: 200, revision: 3, changes: 0.4 });
  const since = readAll(simulator, '/customers', 'entries', { per_page: '7' }).map(
    (row) => row['customer-since'],
  );
  const firstLead = since.indexOf(null);
  const paying = since.slice(0, firstLead).map((text) => Date.parse(String(text)));
  assert.ok(firstLead > 0);
  assert.deepEqual(
    paying,
    paying.toSorted((left, right) => left - right),
  );
  assert.ok(since.slice(firstLead).every((text) => text === null));
});

for (const [address, key] of lists.filter(([name]) =>
  ['/customer_notes', '/opportunities', '/subscription_events'].includes(name),
)) {
  test(`${address} are sorted newest first, even after changes`, () => {
    const simulator = createSimulator({ customers: 200, revision: 3, changes: 0.4, deletes: 0.05 });
    const created = readAll(simulator, address, key, hidden).map((row) =>
      Date.parse(String(row['created_at'])),
    );
    assert.deepEqual(
      created,
      created.toSorted((left, right) => right - left),
    );
  });
}

test('the last page has a cursor that leads to an empty page', () => {
  const simulator = createSimulator({ customers: 10 });
  const last = get(simulator, '/invoices');
  assert.equal(last.has_more, false);
  assert.equal(typeof last.cursor, 'string');
  assert.deepEqual(get(simulator, '/invoices', { cursor: last.cursor ?? '' }), {
    invoices: [],
    cursor: null,
    has_more: false,
  });
});

test('the cursor of an empty list is null, absent or a dead end, depending on the resource', () => {
  const simulator = createSimulator({ customers: 10 });
  const lead = [...simulator.truth('customers')].find((customer) => customer['customer-since'] === null);
  const path = `/customers/${String(lead?.['uuid'])}`;
  assert.equal(get(createSimulator({ customers: 0 }), '/customers').cursor, null);
  assert.equal(get(simulator, `/import${path}/invoices`).cursor, null);
  assert.equal('cursor' in get(simulator, `${path}/activities`), false);
  assert.equal(typeof get(simulator, `${path}/subscriptions`).cursor, 'string');
});

test('only the first page has the fields of the old paging, which differ by resource', () => {
  const simulator = createSimulator({ customers: 60 });
  const extra = (page: Page, key: string) =>
    Object.keys(page)
      .filter((name) => ![key, 'cursor', 'has_more'].includes(name))
      .sort();
  const expected: Readonly<Record<string, string[]>> = {
    '/customers': ['current_page', 'page', 'per_page', 'total_pages'],
    '/plans': ['current_page', 'total_pages'],
    '/plan_groups': ['current_page', 'total_pages'],
    '/invoices': ['current_page', 'total_pages'],
    '/activities': ['per_page'],
    '/subscription_events': ['meta'],
  };
  for (const [address, key] of lists) {
    const first = get(simulator, address, { per_page: '2' });
    assert.deepEqual(extra(first, key), expected[address] ?? [], address);
    const second = get(simulator, address, { per_page: '2', cursor: first.cursor ?? '' });
    assert.deepEqual(extra(second, key), [], address);
  }
});

test('a page contains 200 rows by default, which is also the maximum', () => {
  const simulator = createSimulator({ customers: 400 });
  const size = (query: Readonly<Record<string, string>>) =>
    (get(simulator, '/customers', query)['entries'] as Row[]).length;
  assert.equal(size({}), 200);
  assert.equal(size({ per_page: '1000' }), 200);
  assert.equal(size({ per_page: '3' }), 3);
});

test('a cursor contains the creation time with nine decimals and the id of the last row', () => {
  const page = get(createSimulator({ customers: 50 }), '/contacts', { per_page: '3' });
  const last = (page['entries'] as Row[]).at(-1);
  const [time, id] = Buffer.from(page.cursor ?? '', 'base64')
    .toString()
    .split('&');
  assert.match(time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  assert.equal(id, last?.['uuid']);
});

test('reading past a deleted row loses nothing', () => {
  const simulator = createSimulator({ customers: 300, deletes: 0.3, changes: 0 });
  const first = get(simulator, '/contacts', { per_page: '100' });
  simulator.moveTo(1);
  const rest = readAll(simulator, '/contacts', 'entries', { cursor: first.cursor ?? '' });
  const read = new Set((first['entries'] as Row[]).map((row) => row['uuid']));
  const missing = [...simulator.truth('contacts')].filter((row) => !read.has(row['uuid']));
  assert.deepEqual(
    rest.map((row) => row['uuid']),
    missing.map((row) => row['uuid']),
  );
});
