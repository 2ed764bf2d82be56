import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AccessDeniedError,
  AuthenticationError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
  type EtlError,
} from '../../../../core/errors.ts';
import { visitToken } from '../../../../producers/state/checkpoint-tracker.ts';
import { readStream } from '../../../../producers/chartmogul/stream-reader.ts';
import {
  collect,
  fakeSource,
  pageOf,
  recordsOf,
  uuidsOf,
  type Answerer,
} from '../../../helpers/fake-source.ts';
import { beginning, firstPages, readPages, slicesAfter, specOf } from '../../../helpers/stream-reading.ts';

const plans = specOf('plans');
const subscriptions = specOf('customer_subscriptions');
const transactions = specOf('transactions');
const notThere = new StreamNotFoundError('404');
const refused = new RequestRefusedError('400');
const pathsOf = (requests: readonly { path: string }[]) => requests.map(({ path }) => path);
const ticks = async (count: number) => {
  for (let tick = 0; tick < count; tick++) await new Promise(setImmediate);
};

/** Answers each given path as specified, and returns 404 for any other path. */
const server =
  (answers: Readonly<Record<string, Answerer | EtlError>>): Answerer =>
  (path, query) => {
    const answer = answers[path] ?? notThere;
    if (typeof answer !== 'function') throw answer;
    return answer(path, query);
  };
const rowsOf = (...uuids: string[]) => uuids.map((uuid) => ({ uuid }));
const listOf =
  (...uuids: string[]): Answerer =>
  (_, query) =>
    pageOf(rowsOf(...uuids), query, { style: 'stray cursor', rowsOfAPage: 2 });
/** Returns a list whose first page promises another page, which fails. */
const broken =
  (error: EtlError): Answerer =>
  (_, query) => {
    if ('cursor' in query) throw error;
    return { entries: rowsOf('a'), has_more: true, cursor: 'c' };
  };
const visitsTo = (...parents: string[]) => ({
  visits: () =>
    Promise.resolve(parents.map((parent) => ({ parent, token: visitToken(Buffer.from(parent), 1) }))),
});

test('the reader tries the next address after a 404', async () => {
  const { pages, requests, isAbsent } = await readPages(
    specOf('data_sources'),
    server({ '/sources': listOf('a', 'b', 'c') }),
  );
  assert.deepEqual(uuidsOf(recordsOf(pages)), ['a', 'b', 'c']);
  assert.deepEqual(pathsOf(requests), ['/data_sources', '/sources', '/sources']);
  assert.equal(isAbsent, false);
});

test('the stream fails when no address exists', async () => {
  await assert.rejects(readPages(specOf('data_sources'), server({})), StreamNotFoundError);
});

for (const error of [
  new AuthenticationError('401'),
  new UnexpectedAnswerError('no list'),
  new SourceUnavailableError('503'),
]) {
  test(`the reader does not try another address after ${error.name}`, async () => {
    const answer = server({ '/data_sources': error, '/sources': listOf('a') });
    await assert.rejects(readPages(specOf('data_sources'), answer), (thrown) => thrown === error);
  });
}

const denied = new AccessDeniedError('403');

for (const error of [notThere, refused, denied]) {
  test(`the reader tries the next address after ${error.name}`, async () => {
    const answer = server({ '/data_sources': error, '/sources': listOf('a') });
    const { pages } = await readPages(specOf('data_sources'), answer);
    assert.deepEqual(uuidsOf(recordsOf(pages)), ['a']);
    const visited = server({ '/subscriptions': error, '/customers/cus_1/subscriptions': listOf('b') });
    const children = await readPages(subscriptions, visited, visitsTo('cus_1'));
    assert.deepEqual(uuidsOf(recordsOf(children.pages)), ['b']);
  });
}

/** The responses of both addresses of a stream, and the resulting error. */
const bothRefused: readonly [EtlError, EtlError, string][] = [
  [notThere, denied, 'AccessDeniedError'],
  [denied, notThere, 'AccessDeniedError'],
  [notThere, notThere, 'StreamNotFoundError'],
  [refused, notThere, 'RequestRefusedError'],
  [denied, refused, 'RequestRefusedError'],
];
for (const [first, second, name] of bothRefused) {
  test(`addresses that return ${first.message} and ${second.message} cause ${name}`, async () => {
    const answer = server({ '/data_sources': first, '/sources': second });
    await assert.rejects(readPages(specOf('data_sources'), answer), { name });
  });
}

test('the reader keeps the address once it has read a page', async () => {
  const answer = server({ '/data_sources': broken(notThere), '/sources': listOf('a') });
  await assert.rejects(readPages(specOf('data_sources'), answer), StreamNotFoundError);
});

for (const error of [notThere, refused, denied]) {
  test(`an optional stream is absent after ${error.name}, without a failure`, async () => {
    const { pages, isAbsent } = await readPages(transactions, server({ '/transactions': error }));
    assert.deepEqual({ pages, isAbsent }, { pages: [], isAbsent: true });
  });

  test(`an optional stream fails after ${error.name} on a later page`, async () => {
    await assert.rejects(
      readPages(transactions, server({ '/transactions': broken(error) })),
      (thrown) => thrown === error,
    );
  });
}

test('an available optional stream is read, and an optional stream with a rejected key fails', async () => {
  const { pages, isAbsent } = await readPages(transactions, server({ '/transactions': listOf('tr_1') }));
  assert.deepEqual(
    { transactions: uuidsOf(recordsOf(pages)), isAbsent },
    { transactions: ['tr_1'], isAbsent: false },
  );
  const down = server({ '/transactions': new AuthenticationError('401') });
  await assert.rejects(readPages(transactions, down), AuthenticationError);
});

test("subscriptions are read from the account's list, without visits, if that list exists", async () => {
  const { pages } = await readPages(subscriptions, server({ '/subscriptions': listOf('a', 'b', 'c') }));
  assert.deepEqual(recordsOf(pages), rowsOf('a', 'b', 'c'));
});

test("subscriptions are read per parent, with the parent's key added, if the account has no list", async () => {
  const { pages } = await readPages(
    subscriptions,
    server({
      '/customers/cus_1/subscriptions': listOf('a', 'b', 'c'),
      '/customers/..%2Fx/subscriptions': listOf('d'),
      '/customers/cus_3/subscriptions': listOf(),
    }),
    visitsTo('cus_1', '../x', 'cus_3'),
  );
  const children = recordsOf(pages) as { uuid: string; customer_uuid: string }[];
  assert.deepEqual(children.map(({ uuid, customer_uuid }) => `${uuid} of ${customer_uuid}`).sort(), [
    'a of cus_1',
    'b of cus_1',
    'c of cus_1',
    'd of ../x',
  ]);
  assert.deepEqual(
    pages.map(({ list, number, next }) => [list.visit?.parent, number, next === undefined]).sort(),
    [
      ['../x', 1, true],
      ['cus_1', 1, false],
      ['cus_1', 2, true],
      ['cus_3', 1, true],
    ],
  );
});

test('a parent whose key would change the address is skipped, and the others are read', async () => {
  const { pages, requests } = await readPages(
    subscriptions,
    server({
      '/customers/cus_1/subscriptions': listOf('a'),
      '/customers/%252e%252e/subscriptions': listOf('b'),
    }),
    visitsTo('.', '..', '', '\ud800', 'cus_1', '%2e%2e'),
  );
  assert.deepEqual(uuidsOf(recordsOf(pages)), ['a', 'b']);
  assert.deepEqual(pathsOf(requests), [
    '/subscriptions',
    '/customers/cus_1/subscriptions',
    '/customers/%252e%252e/subscriptions',
  ]);
});

test('a parent that is gone has no children, and the others are read', async () => {
  const { pages } = await readPages(
    subscriptions,
    server({ '/customers/cus_2/subscriptions': listOf('b') }),
    visitsTo('cus_1', 'cus_2'),
  );
  assert.deepEqual(
    pages.map(({ list, entries, next }) => [list.visit?.parent, entries.length, next]).sort(),
    [
      ['cus_1', 0, undefined],
      ['cus_2', 1, undefined],
    ],
  );
});

const activities = specOf('customer_activities');
const addressOf = (parent: string) => `/customers/${parent}/activities`;

test('the visit to a parent whose list is denied does not end, and other parents are read', async () => {
  const { pages, denials } = await readPages(
    activities,
    server({
      [addressOf('cus_1')]: denied,
      [addressOf('cus_2')]: listOf('b'),
      [addressOf('cus_4')]: broken(denied),
    }),
    visitsTo('cus_1', 'cus_2', 'cus_3', 'cus_4'),
  );
  assert.deepEqual(pages.map(({ list, next }) => [list.visit?.parent, next === undefined]).sort(), [
    ['cus_2', true],
    ['cus_3', true],
    ['cus_4', false],
  ]);
  assert.equal(denials, 2);
});

test('the stream is denied when every parent is denied', async () => {
  const all = Array.from({ length: 40 }, (_, index) => `cus_${index}`);
  const answer: Answerer = () => {
    throw denied;
  };
  await assert.rejects(readPages(activities, answer, visitsTo(...all)), AccessDeniedError);
  const mixed = server({ [addressOf('cus_7')]: denied });
  await assert.rejects(readPages(activities, mixed, visitsTo('cus_7', 'cus_1')), AccessDeniedError);
});

test('a settled parent shows whether the stream exists if all visited parents are denied', async () => {
  const answer = server({ [addressOf('cus_1')]: denied, [addressOf('cus_9')]: listOf('b') });
  const settled = (...parents: string[]) => ({ ...visitsTo('cus_1'), settled: () => parents });
  const { pages, denials } = await readPages(activities, answer, settled('cus_8', 'cus_9'));
  assert.deepEqual({ pages, denials }, { pages: [], denials: 1 });
  await assert.rejects(readPages(activities, answer, settled('cus_8')), AccessDeniedError);
  // Only a few settled parents are requested.
  await assert.rejects(readPages(activities, answer, settled('a', 'b', 'c', 'cus_9')), AccessDeniedError);
});

test('the stream is not found if no parent has a list', async () => {
  const withoutLists = visitsTo('cus_1', 'cus_2', 'cus_3', 'cus_4');
  await assert.rejects(readPages(subscriptions, server({}), withoutLists), StreamNotFoundError);
});

test('the stream is not found if a few parents have no list, unless a settled parent has one', async () => {
  const few = visitsTo('cus_1', 'cus_2');
  await assert.rejects(readPages(activities, server({}), few), StreamNotFoundError);
  const answer = server({ [addressOf('cus_9')]: listOf('b') });
  const { pages } = await readPages(activities, answer, { ...few, settled: () => ['cus_9'] });
  assert.deepEqual(pages.map(({ list, entries }) => [list.visit?.parent, entries.length]).sort(), [
    ['cus_1', 0],
    ['cus_2', 0],
  ]);
});

for (const error of [notThere, denied]) {
  test(`${error.message} for the first parents does not hide the lists of later parents`, async () => {
    const first = Array.from({ length: 20 }, (_, index) => `cus_${index}`);
    const answer: Answerer = (path, query) => {
      if (path === addressOf('late')) return listOf('a')(path, query);
      throw error;
    };
    const { pages } = await readPages(activities, answer, visitsTo(...first, 'late'));
    assert.deepEqual(uuidsOf(recordsOf(pages)), ['a']);
  });

  test(`the reader stops early if an address returns ${error.message} for every parent`, async () => {
    const all = Array.from({ length: 500 }, (_, index) => `cus_${index}`);
    let asked = 0;
    const answer: Answerer = () => {
      asked++;
      throw error;
    };
    await assert.rejects(readPages(activities, answer, visitsTo(...all)), (thrown) => thrown === error);
    assert.ok(asked < 100, `${asked} requests were sent`);
  });
}

test('a 404 on a later page of a parent fails the stream', async () => {
  const answer = server({ [addressOf('cus_1')]: broken(notThere), [addressOf('cus_2')]: listOf('b') });
  await assert.rejects(readPages(activities, answer, visitsTo('cus_1', 'cus_2')), StreamNotFoundError);
});

test('parents without a list are ignored once another parent has returned a page', async () => {
  const parents = Array.from({ length: 40 }, (_, index) => `cus_${index}`);
  const nine = listOf('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i');
  const answer: Answerer = async (path, query) => {
    // The other parents answer before the rest of this list arrives.
    if ('cursor' in query) await ticks(20);
    if (path === '/customers/cus_0/subscriptions') return nine(path, query);
    await ticks(2);
    throw notThere;
  };
  const { pages } = await readPages(subscriptions, answer, visitsTo(...parents));
  assert.equal(pages.filter(({ entries }) => entries.length === 0).length, 39);
  assert.equal(recordsOf(pages).length, 9);
});

test('a run that is interrupted during its visits does not save the cursors of their lists', async () => {
  const answer = server({
    '/customers/cus_1/subscriptions': listOf('a', 'b', 'c'),
    '/customers/cus_2/subscriptions': listOf('d'),
  });
  const { pages, events } = await readPages(subscriptions, answer, visitsTo('cus_1', 'cus_2'));
  for (const count of pages.keys())
    assert.equal(slicesAfter('customer_subscriptions', firstPages(events, count)).size, 0);
});

test('the reader visits at most sixteen parents at a time', async () => {
  let underWay = 0;
  let most = 0;
  const parents = Array.from({ length: 40 }, (_, index) => `cus_${index}`);
  const answer: Answerer = async (path) => {
    if (path === '/subscriptions') throw notThere;
    most = Math.max(most, ++underWay);
    await ticks(2);
    underWay--;
    return { entries: [] };
  };
  const { pages } = await readPages(subscriptions, answer, visitsTo(...parents));
  assert.deepEqual({ pages: pages.length, most }, { pages: 40, most: 16 });
});

test('the reader does not request a page before the previous page is consumed', async () => {
  const { client, requests } = fakeSource(listOf('a', 'b', 'c', 'd', 'e'));
  const pages = readStream({ client, spec: plans, plan: beginning, observer: {} });
  await pages.next();
  await ticks(5);
  assert.equal(requests.length, 1);
  await pages.return();
});

test('the reader does not add filters to those of the stream', async () => {
  for (const name of ['customers', 'invoices', 'subscription_events', 'activities']) {
    const spec = specOf(name);
    const { requests } = await readPages(spec, (_, query) =>
      pageOf(rowsOf('a', 'b', 'c'), query, {
        style: spec.paging === 'start-after' ? 'start-after' : 'stray cursor',
        rowsOfAPage: 1,
      }),
    );
    const usual = [...Object.keys(spec.query ?? {}), 'per_page', 'cursor', 'start-after'];
    const asked = requests.flatMap(({ query }) => Object.keys(query));
    assert.deepEqual(
      { requests: requests.length, unusual: asked.filter((key) => !usual.includes(key)) },
      { requests: 3, unusual: [] },
      name,
    );
  }
});

const entry: Answerer = () => ({ entries: [{ date: '2026-01-31' }], summary: {} });

test('a metric is read and resumed by interval, and its records contain the interval', async () => {
  const { pages, events } = await readPages(specOf('metrics_mrr'), server({ '/metrics/mrr': entry }));
  const expected = ['day', 'month', 'year'].map((interval) => ({ date: '2026-01-31', interval }));
  assert.deepEqual(recordsOf(pages), expected);
  for (const count of [1, 2, 3]) {
    const slices = slicesAfter('metrics_mrr', firstPages(events, count));
    const rest = await readPages(specOf('metrics_mrr'), server({ '/metrics/mrr': entry }), { slices });
    assert.deepEqual(recordsOf(rest.pages), expected.slice(count));
  }
});

test('an interval that is no longer configured is not resumed', async () => {
  const spec = specOf('metrics_mrr');
  const answer = server({ '/metrics/mrr': entry });
  const { events } = await readPages(spec, answer);
  const rest = await readPages(spec, answer, {
    slices: slicesAfter('metrics_mrr', firstPages(events, 1)),
    metrics: { ...beginning.metrics, intervals: ['day', 'year'] },
  });
  assert.deepEqual(recordsOf(rest.pages), [{ date: '2026-01-31', interval: 'year' }]);
});

test('a metric without configured intervals sends no requests', async () => {
  const { pages, requests } = await readPages(specOf('metrics_asp'), entry, {
    metrics: { ...beginning.metrics, intervals: ['day'] },
  });
  assert.deepEqual({ pages, requests }, { pages: [], requests: [] });
});

test('the reader reports every request', async () => {
  let reported = 0;
  const { client, requests } = fakeSource(server({ '/sources': listOf('a', 'b', 'c') }));
  await collect(
    readStream({
      client,
      spec: specOf('data_sources'),
      plan: beginning,
      observer: { onRequest: () => reported++ },
    }),
  );
  assert.deepEqual({ reported, requests: requests.length }, { reported: 3, requests: 3 });
});
