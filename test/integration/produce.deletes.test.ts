import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import type { JsonObject } from '../../core/json.ts';
import { topicOf } from '../../core/stream-name.ts';
import { ageRounds } from '../helpers/age-round.ts';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { produceStreams, produceWith, sinkStreams } from '../helpers/pipeline.ts';
import { keysOf, readTopic } from '../helpers/read-topic.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const topic = (settings: Settings, stream: string) => topicOf(settings.topicPrefix, stream);

/** Returns the keys of all tombstones, sorted. */
async function tombstonesOf(settings: Settings, stream: string): Promise<string[]> {
  const messages = await readTopic(settings, topic(settings, stream));
  return messages
    .filter(({ value }) => value === null)
    .map(({ key }) => key)
    .sort();
}

function assertNoFailures(counts: readonly { readonly failure: Error | undefined }[]): void {
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
}

/** Disables the mass-delete limit, because small streams lose a large share of their records. */
function trusting(settings: Settings): Settings {
  return { ...settings, produce: { ...settings.produce, massDeletePercent: 100 } };
}

/** Creates a source whose responses the test changes. */
async function createSource(t: TestContext, answers: Record<string, ApiAnswers[string]>) {
  const { baseUrl, requests } = await createApiServer(t, answers);
  return { settings: trusting(createSettings(t, baseUrl)), answers, requests };
}

/** Returns a list of one page. */
const page = (key: string, ...uuids: string[]) =>
  `{"${key}":[${uuids.map((uuid) => `{"uuid":"${uuid}"}`).join(',')}],"has_more":false}`;

test('a missing key is looked up: it is deleted on 404 and kept otherwise', async (t) => {
  const { settings, answers, requests } = await createSource(t, {
    '/plans': page('plans', 'pl_1', 'pl_2', 'pl_3'),
  });
  assertNoFailures(await produceStreams(settings, 'plans'));
  answers['/plans'] = page('plans', 'pl_1');
  answers['/plans/pl_3'] = '{"uuid":"pl_3"}';
  requests.length = 0;
  const [counts] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { failure: counts?.failure, deleted: counts?.deleted, messages: counts?.messages },
    { failure: undefined, deleted: 1, messages: 1 },
  );
  assert.deepEqual(requests.slice(1).sort(), ['/plans/pl_2', '/plans/pl_3']);
  assert.deepEqual(await keysOf(settings, topic(settings, 'plans')), ['pl_1', 'pl_2', 'pl_2 †', 'pl_3']);

  requests.length = 0;
  const [again] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { deleted: again?.deleted, requests: requests.slice(1) },
    { deleted: 0, requests: ['/plans/pl_3'] },
  );
  answers['/plans'] = page('plans', 'pl_1', 'pl_2', 'pl_3');
  const [back] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { new: back?.new, messages: back?.messages },
    { new: 1, messages: 1 },
    'a record that reappears must count as new',
  );
});

test('the lookup of an invoice includes invalid and disabled invoices, as the list does', async (t) => {
  const { settings, answers, requests } = await createSource(t, { '/invoices': page('invoices', 'inv_1') });
  assertNoFailures(await produceStreams(settings, 'invoices'));
  answers['/invoices'] = page('invoices');
  requests.length = 0;
  assertNoFailures(await produceStreams(settings, 'invoices'));
  assert.equal(requests[1], '/invoices/inv_1?validation_type=all&with_disabled=true');
});

test('the delete of a merged customer names the customer that now has its external id', async (t) => {
  const options = { customers: 400, seed: 12, deletes: 0.05, changes: 0 };
  const { simulator, baseUrl } = await createSimulatorServer(t, options);
  const settings = createSettings(t, baseUrl);
  const customers = () => [...simulator.truth('customers')] as JsonObject[];
  assertNoFailures(await produceStreams(settings, 'customers'));
  const before = customers();
  simulator.moveTo(1);
  assertNoFailures(await produceStreams(settings, 'customers'));
  const living = new Set(customers().map(({ uuid }) => uuid));
  const wanted = before.flatMap(({ uuid, external_ids: ids }) => {
    const isHeir = ({ external_ids: theirs }: JsonObject) =>
      (ids as string[]).some((id) => (theirs as string[]).includes(id));
    return living.has(uuid) ? [] : [`${String(uuid)} → ${String(customers().find(isHeir)?.['uuid'] ?? '')}`];
  });
  const deletes = (await readTopic(settings, topic(settings, 'customers')))
    .filter(({ value }) => value === null)
    .map(({ key, headers }) => `${key} → ${headers['merged-into']?.toString('utf8') ?? ''}`);
  assert.deepEqual(deletes.sort(), wanted.sort());
  const merged = wanted.filter((line) => !line.endsWith(' '));
  assert.ok(merged.length > 1 && merged.length < wanted.length, 'some must be merged and some deleted');
});

test('a key without a lookup is deleted after two complete runs have missed it', async (t) => {
  const { settings, answers } = await createSource(t, { '/data_sources': '' });
  const runs: readonly { shows: string[]; deleted: string[] }[] = [
    { shows: ['ds_1', 'ds_2', 'ds_3'], deleted: [] },
    { shows: ['ds_1'], deleted: [] },
    { shows: ['ds_1', 'ds_3'], deleted: ['ds_2'] },
    { shows: ['ds_1'], deleted: ['ds_2'] },
    { shows: ['ds_1'], deleted: ['ds_2', 'ds_3'] },
    { shows: ['ds_1', 'ds_2'], deleted: ['ds_2', 'ds_3'] },
    { shows: ['ds_1'], deleted: ['ds_2', 'ds_3'] },
    { shows: ['ds_1'], deleted: ['ds_2', 'ds_2', 'ds_3'] },
  ];
  for (const [run, { shows, deleted }] of runs.entries()) {
    answers['/data_sources'] = page('data_sources', ...shows);
    assertNoFailures(await produceStreams(settings, 'data_sources'));
    assert.deepEqual(await tombstonesOf(settings, 'data_sources'), deleted, `run ${run}`);
  }
});

/** Returns a list of two pages, or of one page and an invalid response. */
function pages(
  key: string,
  first: readonly string[],
  second: readonly string[] | undefined,
): ApiAnswers[string] {
  const more = page(key, ...first).replace('"has_more":false', '"has_more":true,"cursor":"c2"');
  const last = second === undefined ? '[]' : page(key, ...second);
  return (query, response) => response.end(query.get('cursor') === 'c2' ? last : more);
}

test('a run with a failed page deletes nothing, nor does the run that resumes it', async (t) => {
  const { settings, answers, requests } = await createSource(t, {});
  const run = (first: string[], second: string[] | undefined) => {
    requests.length = 0;
    answers['/plans'] = pages('plans', first, second);
    answers['/data_sources'] = pages('data_sources', first, second);
    return produceStreams(settings, 'plans', 'data_sources');
  };
  const deleted = async () => [
    await tombstonesOf(settings, 'plans'),
    await tombstonesOf(settings, 'data_sources'),
  ];
  const lookUps = () => requests.filter((path) => path.startsWith('/plans/'));

  assertNoFailures(await run(['x_1', 'x_2'], ['x_3']));
  for (const { failure } of await run(['x_1'], undefined))
    assert.match(failure?.message ?? '', /not an object/);
  assert.deepEqual({ lookups: lookUps(), deleted: await deleted() }, { lookups: [], deleted: [[], []] });
  const resumed = await run(['x_1'], ['x_3']);
  assertNoFailures(resumed);
  assert.ok(resumed.every(({ isResumed }) => isResumed));
  assert.deepEqual({ lookups: lookUps(), deleted: await deleted() }, { lookups: [], deleted: [[], []] });
  assertNoFailures(await run(['x_1'], ['x_3']));
  assert.deepEqual(await deleted(), [['x_2'], []]);
  assertNoFailures(await run(['x_1'], ['x_3']));
  assert.deepEqual(await deleted(), [['x_2'], ['x_2']]);
});

test('a key that one run missed and a resumed run found is no longer missing', async (t) => {
  const { settings, answers } = await createSource(t, {});
  const run = async (second: string[] | undefined) => {
    answers['/data_sources'] = pages('data_sources', ['ds_1'], second);
    const [counts] = await produceStreams(settings, 'data_sources');
    return counts?.deleted;
  };
  await run(['ds_2']);
  assert.equal(await run([]), 0, 'a key must not be deleted after one miss');
  await run(undefined);
  await run(['ds_2']);
  assert.equal(await run([]), 0, 'a key must not be deleted after its first miss since the resumed run');
  assert.equal(await run([]), 1);
});

test('a stream that would lose too many records fails, names the remedy and deletes nothing', async (t) => {
  const uuids = Array.from({ length: 20 }, (_, index) => `x_${index}`);
  const source = await createSource(t, {
    '/plans': page('plans', ...uuids),
    '/contacts': page('entries', ...uuids),
  });
  const { answers, requests } = source;
  const settings = { ...source.settings, produce: { ...source.settings.produce, massDeletePercent: 10 } };
  assertNoFailures(await produceStreams(settings, 'plans', 'contacts'));
  answers['/plans'] = page('plans', ...uuids.slice(3));
  answers['/contacts'] = page('entries', ...uuids.slice(2), 'x_new');
  requests.length = 0;
  const counts = await produceStreams(settings, 'plans', 'contacts');
  const [plans, contacts] = ['plans', 'contacts'].map((name) => counts.find(({ stream }) => stream === name));
  assert.match(
    plans?.failure?.message ?? '',
    /^plans: 3 of 20 records .*MASS_DELETE_PERCENT \(10\).*nothing was deleted.*--allow-mass-delete/,
  );
  assert.deepEqual(
    { deleted: plans?.deleted, tombstones: await tombstonesOf(settings, 'plans') },
    { deleted: 0, tombstones: [] },
  );
  assert.deepEqual(
    requests.filter((path) => path.startsWith('/plans/')),
    [],
  );
  // 2 of 20 records are exactly the limit of 10%.
  assert.deepEqual(
    { failure: contacts?.failure, deleted: contacts?.deleted, new: contacts?.new },
    { failure: undefined, deleted: 2, new: 1 },
  );

  const allowed = await produceWith(settings, { isMassDeleteAllowed: true }, 'plans', 'contacts');
  assertNoFailures(allowed);
  assert.deepEqual(await tombstonesOf(settings, 'plans'), ['x_0', 'x_1', 'x_2']);
});

test('the mass-delete limit also applies to a stream whose missing keys cannot be looked up', async (t) => {
  const uuids = Array.from({ length: 20 }, (_, index) => `ds_${index}`);
  const { settings: trusted, answers } = await createSource(t, {
    '/data_sources': page('data_sources', ...uuids),
  });
  const settings = { ...trusted, produce: { ...trusted.produce, massDeletePercent: 10 } };
  const run = async (isMassDeleteAllowed = false) => {
    const [counts] = await produceWith(settings, { isMassDeleteAllowed }, 'data_sources');
    return [counts?.deleted, counts?.failure?.name];
  };
  assert.deepEqual(await run(), [0, undefined]);
  answers['/data_sources'] = page('data_sources', ...uuids.slice(5));
  assert.deepEqual(await run(), [0, undefined], 'nothing must be deleted after the first miss');
  for (let time = 0; time < 2; time++) assert.deepEqual(await run(), [0, 'MassDeleteError']);
  assert.deepEqual(await run(true), [5, undefined]);
  assert.equal((await tombstonesOf(settings, 'data_sources')).length, 5);
});

test('only a run with --allow-mass-delete deletes missing children beyond the limit', async (t) => {
  const events = (...ids: number[]) =>
    `{"entries":[${ids.map((id) => `{"id":${id}}`).join(',')}],"has_more":false}`;
  const all = Array.from({ length: 10 }, (_, index) => index + 1);
  const { settings: trusted, answers } = await createSource(t, {
    '/customers': page('entries', 'cus_1'),
    '/customers/cus_1/subscriptions': events(...all),
  });
  const settings = { ...trusted, produce: { ...trusted.produce, massDeletePercent: 10 } };
  let isBegun = false;
  const run = async (isMassDeleteAllowed = false) => {
    if (isBegun) await ageRounds(t, settings, 30, 'customer_subscriptions');
    isBegun = true;
    const found = await produceWith(settings, { isMassDeleteAllowed }, 'customer_subscriptions');
    const counts = found.find(({ stream }) => stream === 'customer_subscriptions');
    return [counts?.deleted, counts?.failure?.name];
  };
  assert.deepEqual(await run(), [0, undefined]);
  answers['/customers/cus_1/subscriptions'] = events(...all.slice(5));
  assert.deepEqual(await run(), [0, undefined]);
  assert.deepEqual(await run(), [0, 'MassDeleteError']);
  assert.deepEqual(await run(true), [5, undefined]);
});

test('the children of a deleted customer are deleted in the same run', async (t) => {
  const { settings, answers } = await createSource(t, {
    '/customers': page('entries', 'cus_1', 'cus_2'),
    '/customers/cus_1/subscriptions': `{"entries":[{"id":11},{"id":12}],"has_more":false}`,
    '/customers/cus_2/subscriptions': `{"entries":[{"id":21},{"id":22}],"has_more":false}`,
    '/customers/cus_1/activities': `{"entries":[],"has_more":false}`,
    '/customers/cus_2/activities': `{"entries":[{"id":29}],"has_more":false}`,
  });
  const names = ['customer_subscriptions', 'customer_activities'];
  assertNoFailures(await produceStreams(settings, ...names));
  answers['/customers'] = page('entries', 'cus_1');
  assertNoFailures(await produceStreams(settings, ...names));
  assert.deepEqual(await tombstonesOf(settings, 'customers'), ['cus_2']);
  assert.deepEqual(await tombstonesOf(settings, 'customer_subscriptions'), ['21', '22']);
  assert.deepEqual(await tombstonesOf(settings, 'customer_activities'), ['29']);
});

test('a subscription is deleted after two visits to its customer have missed it', async (t) => {
  const customer = (mrr: number) => `{"entries":[{"uuid":"cus_1","mrr":${mrr}}],"has_more":false}`;
  const list = (...ids: number[]) =>
    `{"entries":[${ids.map((id) => `{"id":${id}}`).join(',')}],"has_more":false}`;
  const { settings, answers, requests } = await createSource(t, {
    '/customers': customer(1),
    '/customers/cus_1/subscriptions': list(11, 12),
  });
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  answers['/customers'] = customer(2);
  answers['/customers/cus_1/subscriptions'] = list(11);
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  assert.deepEqual(await tombstonesOf(settings, 'customer_subscriptions'), []);
  // The customer is visited again, although its record did not change again.
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  assert.deepEqual(await tombstonesOf(settings, 'customer_subscriptions'), ['12']);
  requests.length = 0;
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  assert.equal(requests.filter((path) => path.startsWith('/customers/')).length, 0);
});

test('the old ids of activities are deleted after two runs have missed them', async (t) => {
  const activity = (uuid: string, month: number, mrr: number) =>
    `{"uuid":"${uuid}","date":"2025-${String(month).padStart(2, '0')}-10T12:00:00+00:00","activity-mrr":${mrr}}`;
  const list = (...activities: string[]) => `{"entries":[${activities.join(',')}],"has_more":false}`;
  const { settings, answers } = await createSource(t, {
    '/activities': list(activity('a', 1, 100), activity('b', 2, 200), activity('c', 3, 300)),
  });
  assertNoFailures(await produceStreams(settings, 'activities'));
  await sinkStreams(settings, 'activities');
  // One movement has a new uuid, and two movements replace another.
  answers['/activities'] = list(
    activity('a', 1, 100),
    activity('b2', 2, 200),
    activity('c2', 3, 250),
    activity('c3', 3, 300),
  );
  for (const [isNew, deleted] of [
    [3, 0],
    [0, 2],
  ]) {
    const [counts] = await produceStreams(settings, 'activities');
    assert.deepEqual(
      { failure: counts?.failure, new: counts?.new, deleted: counts?.deleted },
      { failure: undefined, new: isNew, deleted },
    );
  }
  await sinkStreams(settings, 'activities');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid, activity_mrr FROM activities ORDER BY uuid'), [
    { uuid: 'a', activity_mrr: 100 },
    { uuid: 'b2', activity_mrr: 200 },
    { uuid: 'c2', activity_mrr: 250 },
    { uuid: 'c3', activity_mrr: 300 },
  ]);
});
