import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';

type Row = Readonly<Record<string, unknown>>;

const authorization = `Basic ${Buffer.from('key:').toString('base64')}`;
const seeds = [1, 2, 3, 77, 123_456];

function everyAccount(customers: number): Simulator[] {
  return seeds.map((seed) => createSimulator({ seed, customers }));
}

function get(simulator: Simulator, address: string): string {
  const { body } = simulator.answer({ method: 'GET', url: `/v1${address}`, authorization });
  assert.ok(typeof body === 'string');
  return body;
}

/** Yields every value at any depth. */
function* valuesIn(value: unknown): Iterable<unknown> {
  yield value;
  if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) yield* valuesIn(part);
}

const has = (simulator: Simulator, stream: string, test: (row: Row) => boolean) =>
  [...simulator.truth(stream)].some(test);

test('integers beyond 2^53 and beyond 64 bits appear with all their digits for any seed', () => {
  for (const simulator of everyAccount(10)) {
    const text = get(simulator, '/customers');
    assert.match(text, /"ledgerId":9007199254740993[,}]/);
    assert.match(text, /"accountNumber":123456789012345678901234[,}]/);
  }
});

test('the ARR of a large account is above 2^31', () => {
  const arr = [...createSimulator({ customers: 12_000 }).truth('metrics_arr')].map((row) =>
    Number(row['arr']),
  );
  assert.ok(Math.max(...arr) > 2 ** 31);
});

test('ids above 2^32 and amounts above 2^31 appear for any seed', () => {
  for (const simulator of everyAccount(10)) {
    for (const stream of ['customer_subscriptions', 'customer_activities', 'subscription_events']) {
      assert.ok(
        has(simulator, stream, (row) => Number(row['id']) > 2 ** 32),
        stream,
      );
    }
    const isLarge = (row: Row) => Number(row['amount_in_cents']) > 2 ** 31;
    for (const stream of ['opportunities', 'subscription_events'])
      assert.ok(has(simulator, stream, isLarge), stream);
    assert.ok(has(simulator, 'invoices', (row) => (row['line_items'] as Row[]).some(isLarge)));
  }
});

test('at least one merged customer has the same external_id twice for any seed', () => {
  for (const simulator of everyAccount(10)) {
    const isTwice = (row: Row) =>
      new Set(row['external_ids'] as string[]).size < (row['external_ids'] as string[]).length;
    assert.ok(has(simulator, 'customers', isTwice));
  }
});

test('strings contain quotes, line breaks, emoji and other scripts, and lists contain null', () => {
  for (const simulator of everyAccount(20)) {
    const text = get(simulator, '/customers');
    for (const piece of [
      '\\"Quoted\\"',
      '\\\\slash',
      'Two\\nlines and a\\ttab',
      '🚀',
      '株式会社',
      'شركة',
      '"🚀 launched"',
      '"plan.tier"',
    ]) {
      assert.ok(text.includes(piece), piece);
    }
    assert.ok(
      has(simulator, 'customers', (row) => [...valuesIn((row['attributes'] as Row)['tags'])].includes(null)),
    );
  }
});

test('custom attributes mix strings, integers, decimals, booleans, null and objects', () => {
  for (const simulator of everyAccount(10)) {
    const customs = [...simulator.truth('customers')].map(
      (row) => (row['attributes'] as Row)['custom'] as Row,
    );
    const kinds = new Set(
      customs
        .flatMap((custom) => Object.values(custom))
        .map((value) => (value === null ? 'null' : typeof value)),
    );
    assert.deepEqual([...kinds].sort(), ['bigint', 'boolean', 'null', 'number', 'object', 'string']);
    assert.equal(new Set(customs.map((custom) => typeof custom['seats'])).size >= 2, true);
  }
});

test('some subscription events have "" or null in place of numbers', () => {
  for (const simulator of everyAccount(300)) {
    const quantities = new Set([...simulator.truth('subscription_events')].map((row) => row['quantity']));
    assert.ok(quantities.has('') && quantities.has(null) && quantities.has(1));
  }
});

test('invoice errors are an empty object, null, or lists of text', () => {
  for (const simulator of everyAccount(300)) {
    const errors = [...simulator.truth('invoices')].map((row) => JSON.stringify(row['errors']));
    assert.equal(new Set(errors).size, 3);
  }
});

test('invalid and disabled invoices are hidden by default', () => {
  const simulator = createSimulator({ customers: 300 });
  const count = (query: string) => {
    let cursor = '';
    for (let rows = 0; ;) {
      const page = JSON.parse(get(simulator, `/invoices?${query}${cursor}`)) as {
        invoices: [];
        cursor: string;
        has_more: boolean;
      };
      rows += page.invoices.length;
      if (!page.has_more) return rows;
      cursor = `&cursor=${encodeURIComponent(page.cursor)}`;
    }
  };
  const all = [...simulator.truth('invoices')];
  assert.equal(count('validation_type=all&with_disabled=true'), all.length);
  assert.equal(count('validation_type=all'), all.filter((row) => row['disabled'] === false).length);
  assert.equal(count('') + count('validation_type=invalid'), count('validation_type=all'));
  assert.ok(count('') < count('with_disabled=true'));
  assert.ok(count('validation_type=invalid') > 0);
});

test('times are in the time zone of the account, which is not UTC', () => {
  const dates = [...createSimulator({ customers: 200 }).truth('activities')].map((row) =>
    String(row['date']).slice(19),
  );
  assert.deepEqual([...new Set(dates)].sort(), ['-04:00', '-05:00']);
});

test('the MRR of ended subscriptions may have fractions of a cent unless floatMrr is false', () => {
  const isFraction = (row: Row) => !Number.isInteger(row['mrr']);
  const withFractions = createSimulator({ customers: 300 });
  assert.ok(has(withFractions, 'customer_subscriptions', isFraction));
  assert.ok(!has(createSimulator({ customers: 300, floatMrr: false }), 'customer_subscriptions', isFraction));
  assert.ok(!has(withFractions, 'customers', isFraction));
});

test('some contacts, tasks and notes have no customer', () => {
  const simulator = createSimulator({ customers: 1000 });
  for (const stream of ['contacts', 'tasks', 'notes'])
    assert.ok(
      has(simulator, stream, (row) => row['customer_uuid'] === null),
      stream,
    );
});

test('drift adds unknown fields at any depth, changes types and removes a field', () => {
  const drifted = createSimulator({ customers: 100, drift: true, revision: 1 });
  const before = createSimulator({ customers: 100, drift: true, revision: 0 });
  const first = (simulator: Simulator, stream: string) => [...simulator.truth(stream)][0] ?? {};
  assert.ok('health-score' in first(drifted, 'customers') && !('health-score' in first(before, 'customers')));
  const items = (simulator: Simulator) =>
    [...simulator.truth('invoices')].flatMap((row) => row['line_items'] as Row[]);
  assert.ok(items(drifted).every((item) => 'revenue-category' in item));
  assert.ok(!items(before).some((item) => 'revenue-category' in item));
  assert.equal(typeof first(before, 'contacts')['position'], 'number');
  assert.equal(typeof first(drifted, 'contacts')['position'], 'string');
  assert.ok(!Number.isInteger(first(drifted, 'opportunities')['win_likelihood']));
  assert.ok('twitter' in first(before, 'contacts') && !('twitter' in first(drifted, 'contacts')));
});
