import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { Registry } from '../../core/avro/registry.ts';
import type { Settings } from '../../core/settings/config.ts';
import { AuthenticationError, ConfigError, ParentFailedError, StoppedError } from '../../core/errors.ts';
import { jsonText } from '../../core/json.ts';
import { subjectOf } from '../../core/stream-name.ts';
import { noSourceDifferences } from '../../operations/reconcile/source/source-diff.ts';
import { recordHash } from '../../producers/encode/record-hash.ts';
import { compareSource, type SourceComparison } from '../../operations/reconcile/source/compare-source.ts';
import type { SourceProgress } from '../../operations/reconcile/source/compare-stream.ts';
import { chooseStreams, knownStreams } from '../../producers/chartmogul/known-streams.ts';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { committedKeys, isAtCursor, untilProgress } from '../helpers/committed.ts';
import { produceStreams, produceWith } from '../helpers/pipeline.ts';
import { createPlansServer, cursorOf, hangsAt, holdBack, planKeys } from '../helpers/plans-server.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { truthOf, type Truth } from '../helpers/truth.ts';

/** Compares these streams and their parent streams, or all streams. */
async function compare(
  settings: Settings,
  ...names: string[]
): Promise<ReadonlyMap<string, SourceComparison>> {
  const specs = chooseStreams(knownStreams(settings), names.length === 0 ? undefined : names.join(','));
  const comparisons = await compareSource(settings, specs, noSignal);
  assert.deepEqual(
    comparisons.map(({ stream }) => stream),
    specs.map(({ name }) => name),
  );
  return new Map(comparisons.map((comparison) => [comparison.stream, comparison]));
}

/** Returns lines such as `pl_1 changed`, or the message of the failure. */
function linesOf({ examples, failure }: SourceComparison): string[] {
  return failure === undefined ? examples.map(({ key, kind }) => `${key} ${kind}`) : [failure.message];
}

async function differencesOf(settings: Settings, ...names: string[]): Promise<Record<string, string[]>> {
  const comparisons = await compare(settings, ...names);
  return Object.fromEntries([...comparisons].map(([stream, comparison]) => [stream, linesOf(comparison)]));
}

function assertEqual(comparisons: ReadonlyMap<string, SourceComparison>): void {
  for (const [stream, { failure, records, keys, counts, examples }] of comparisons) {
    assert.equal(failure, undefined, stream);
    assert.deepEqual({ counts, examples }, { counts: noSourceDifferences(), examples: [] }, stream);
    assert.equal(records, keys, stream);
  }
}

const sumOf = (counts: SourceComparison['counts']) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Returns the offsets of the test's topics, and the test's consumer groups. */
async function footprint({ kafka, topicPrefix }: Settings) {
  const admin = await connectKafkajs(kafka);
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix)).sort();
    const offsets = [];
    for (const topic of topics) offsets.push([topic, await admin.fetchTopicOffsets(topic)]);
    const { groups } = await admin.listGroups();
    return { offsets, groups: groups.filter(({ groupId }) => groupId.startsWith(topicPrefix)) };
  } finally {
    await admin.disconnect();
  }
}

test('source and topics are equal after a run, and later changes are reported without writes', async (t) => {
  const account = { customers: 50, seed: 11, changes: 0.2, deletes: 0.05 };
  const { simulator, baseUrl } = await createSimulatorServer(t, account);
  const settings = createSettings(t, baseUrl);
  // One metric represents all metrics.
  const names = simulator.streams.filter((name) => !/^metrics_(?!mrr$)/.test(name));
  await produceStreams(settings, ...names);
  const before = await footprint(settings);
  const equal = await compare(settings, ...names);
  assertEqual(equal);
  for (const [stream, { records }] of equal) assert.ok(records > 0, stream);

  const truths = () => new Map(names.map((stream) => [stream, truthOf(simulator, stream)]));
  const old = truths();
  simulator.moveTo(1);
  const now = truths();
  const comparisons = await compare(settings, ...names);
  assert.deepEqual(await footprint(settings), before);
  const kinds = new Set<string>();
  // The expected data of the excluded streams is incomplete or from another time.
  for (const stream of names.filter((name) => !/^(metrics_mrr|data_sources|account)$/.test(name))) {
    const wanted = differences(old.get(stream), now.get(stream));
    const comparison = comparisons.get(stream);
    assert.ok(comparison);
    assert.deepEqual(linesOf(comparison), wanted.slice(0, 10), stream);
    const { counts, records, keys } = comparison;
    assert.equal(sumOf(counts), wanted.length, stream);
    assert.deepEqual(
      { records, keys },
      { records: now.get(stream)?.size, keys: old.get(stream)?.size },
      stream,
    );
    for (const { kind } of comparison.examples) kinds.add(`${kind} ${stream}`);
  }
  // Differences in a customer's subscriptions are reported even if the customer is unchanged.
  for (const wanted of ['stray customers', 'missing invoices', 'changed customer_subscriptions'])
    assert.ok(kinds.has(wanted), `there is no "${wanted}" among ${[...kinds].join(', ')}`);

  // One run proves the deletes in the first three streams. Activities require two runs.
  const proved = ['customers', 'invoices', 'contacts', 'activities'];
  for (let time = 0; time < 2; time++) await produceWith(settings, { isMassDeleteAllowed: true }, ...proved);
  assertEqual(await compare(settings, ...proved));
});

/** Returns lines of `key kind`, sorted by key. */
function differences(before: Truth | undefined, now: Truth | undefined): string[] {
  assert.ok(before && now);
  const ofSource = [...now].flatMap(([key, record]) => {
    const old = before.get(key);
    if (old === undefined) return [`${key} missing`];
    return jsonText(old) === jsonText(record) ? [] : [`${key} changed`];
  });
  const strays = [...before.keys()].filter((key) => !now.has(key)).map((key) => `${key} stray`);
  return [...ofSource, ...strays].sort();
}

test('a comparison does not block a run, and messages of the run are not differences', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const running = holdBack(server, 'page 4');
  const run = produceStreams(settings, 'plans');
  await running.isAsked;
  await untilProgress(settings, 'plans', isAtCursor(cursorOf(4)));
  const inTheMiddle = (await compare(settings, 'plans')).get('plans');
  assert.deepEqual(
    { missing: inTheMiddle?.counts.missing, keys: inTheMiddle?.keys, records: inTheMiddle?.records },
    { missing: 10, keys: 6, records: 16 },
  );

  const comparing = holdBack(server, 'page 8');
  const comparison = compare(settings, 'plans');
  await comparing.isAsked;
  running.letGo();
  assert.deepEqual((await run)[0]?.failure, undefined);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
  comparing.letGo();
  const { counts, keys, records } = (await comparison).get('plans') ?? {};
  assert.deepEqual({ counts, keys, records }, { counts: noSourceDifferences(), keys: 6, records: 16 });
});

/** Returns a list of one page. */
const page = (key: string, ...records: string[]) => `{"${key}":[${records.join(',')}],"has_more":false}`;
const plan = (uuid: string, name = '') => `{"uuid":"${uuid}","name":"${name}"}`;

test('a record found only by lookup is no difference; a rejected, duplicate or keyless one is', async (t) => {
  const answers: Record<string, ApiAnswers[string]> = {
    '/plans': page(
      'plans',
      plan('pl_1'),
      plan('pl_2'),
      plan('pl_3'),
      `{"uuid":"pl_4","vat":1}`,
      `{"name":"x"}`,
    ),
  };
  const { baseUrl } = await createApiServer(t, answers);
  const standard = createSettings(t, baseUrl);
  const modes = new Map([['plans', 'freeze'] as const]);
  const settings: Settings = { ...standard, produce: { ...standard.produce, modes } };
  const [counts] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { messages: counts?.messages, deadLettered: counts?.deadLettered },
    { messages: 3, deadLettered: 2 },
  );
  const nameless = recordHash({ name: 'x' }).toString('hex');
  assert.deepEqual(await differencesOf(settings, 'plans'), { plans: [`${nameless} dead`, 'pl_4 dead'] });

  const vat = `{"uuid":"pl_4","vat":2}`;
  answers['/plans'] = page('plans', plan('pl_1'), plan('pl_1', 'b'), vat, `{"name":"y"}`, '7', 'null', '[]');
  answers['/plans/pl_3'] = plan('pl_3');
  const plans = (await compare(settings, 'plans')).get('plans');
  assert.ok(plans);
  const unkeyed = [{ name: 'y' }, 7, null, []].map((record) => recordHash(record).toString('hex'));
  assert.deepEqual(
    linesOf(plans),
    [...unkeyed.map((hash) => `${hash} missing`), 'pl_1 twice', 'pl_2 stray', 'pl_4 missing'].sort(),
  );
  assert.deepEqual(plans.counts, { missing: 5, changed: 0, stray: 1, dead: 0, twice: 1 });
  assert.deepEqual({ records: plans.records, keys: plans.keys }, { records: 6, keys: 3 });
});

test('records that the source no longer has are strays, even if no run can delete them', async (t) => {
  const answers: Record<string, ApiAnswers[string]> = {
    '/transactions': page('transactions', `{"uuid":"tr_1"}`),
    '/account': `{"id":"acc_1","name":"x"}`,
    '/metrics/mrr': `{"entries":[{"date":"2024-01-31","mrr":1},{"date":"2024-02-29","mrr":1}]}`,
  };
  const { baseUrl } = await createApiServer(t, answers);
  const standard = createSettings(t, baseUrl);
  const metrics = { ...standard.produce.metrics, startDate: '2024-01-01', intervals: ['month'] as const };
  const settings: Settings = { ...standard, produce: { ...standard.produce, metrics } };
  const names = ['transactions', 'account', 'metrics_mrr'];
  await produceStreams(settings, ...names);
  assertEqual(await compare(settings, ...names));
  delete answers['/transactions'];
  answers['/account'] = `{"id":"acc_2","name":"x"}`;
  answers['/metrics/mrr'] = `{"entries":[{"date":"2024-02-29","mrr":1}]}`;
  assert.deepEqual(await differencesOf(settings, ...names), {
    account: ['acc_1 stray', 'acc_2 missing'],
    metrics_mrr: ['2024-01-31|month stray'],
    transactions: ['tr_1 stray'],
  });
  answers['/metrics/mrr'] = `{"entries":[]}`;
  assert.deepEqual(await differencesOf(settings, 'metrics_mrr'), {
    metrics_mrr: ['2024-01-31|month stray', '2024-02-29|month stray'],
  });
  answers['/metrics/mrr'] = (_, response) => response.writeHead(400).end('{}');
  const [failed] = (await compare(settings, 'metrics_mrr')).values();
  assert.ok(failed?.failure);
});

test('two records with one key are a difference; a record that moves during the read is not', async (t) => {
  let reading = 0;
  const plans = (...records: string[]) => page('plans', ...records);
  const first = () => plans(plan('pl_1', 'a'), plan('pl_2')).replace('false', 'true,"cursor":"c"');
  const answers: Record<string, ApiAnswers[string]> = {
    '/plans': (query, response) => {
      if (!query.has('cursor')) reading++;
      const moved = reading === 2 ? [plan('pl_1', 'b')] : [];
      response.end(query.has('cursor') ? plans(...moved, plan('pl_3')) : first());
    },
  };
  const { baseUrl } = await createApiServer(t, answers);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  assertEqual(await compare(settings, 'plans'));
  assert.equal(reading, 3);
  answers['/plans'] = plans(plan('pl_1', 'a'), plan('pl_2'), plan('pl_1', 'b'), plan('pl_3'));
  assert.deepEqual(await differencesOf(settings, 'plans'), { plans: ['pl_1 twice'] });
});

test('a record on a later page is missing until a run sends it, even if it matches no filter', async (t) => {
  const customer = (uuid: string, status: string) => `{"uuid":"${uuid}","status":"${status}"}`;
  const { baseUrl } = await createApiServer(t, {
    '/customers': (query, response) => {
      const known = page('entries', customer('cus_1', 'Active'));
      if (query.has('status')) response.end(query.get('status') === 'Active' ? known : page('entries'));
      else if (query.has('cursor')) response.end(page('entries', customer('cus_2', 'Dreaming')));
      else response.end(known.replace('false', 'true,"cursor":"c"'));
    },
  });
  const settings = createSettings(t, baseUrl);
  assert.deepEqual(await differencesOf(settings, 'customers'), {
    customers: ['cus_1 missing', 'cus_2 missing'],
  });
  await produceStreams(settings, 'customers');
  assert.deepEqual(await differencesOf(settings, 'customers'), { customers: [] });
});

test('reconcile reads the children of all parents in the source, whatever the topic contains', async (t) => {
  const subscriptions = (...ids: number[]) => page('entries', ...ids.map((id) => `{"id":${id}}`));
  const customers = (...uuids: string[]) => page('entries', ...uuids.map((uuid) => `{"uuid":"${uuid}"}`));
  const answers: Record<string, ApiAnswers[string]> = {
    '/customers': customers('cus_1', 'cus_2'),
    '/customers/cus_1/subscriptions': subscriptions(11, 12),
    '/customers/cus_2/subscriptions': subscriptions(21),
    '/customers/cus_3/subscriptions': subscriptions(31),
  };
  const { baseUrl, requests } = await createApiServer(t, answers);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'customer_subscriptions');
  answers['/customers'] = customers('cus_1', 'cus_3');
  answers['/customers/cus_1/subscriptions'] = subscriptions(11, 13);
  requests.length = 0;
  assert.deepEqual(await differencesOf(settings, 'customer_subscriptions'), {
    customers: ['cus_2 stray', 'cus_3 missing'],
    customer_subscriptions: ['12 stray', '13 missing', '21 stray', '31 missing'],
  });
  const visited = requests.filter(
    (path) => path.includes('/subscriptions?') && path.startsWith('/customers'),
  );
  assert.equal(visited.length, 2, requests.join(' '));
});

test('a failed stream affects only itself and its children', async (t) => {
  const answers = { '/plans': page('plans', plan('pl_1')), '/customers': '[]' };
  const { baseUrl } = await createApiServer(t, answers);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  const comparisons = await compare(settings, 'plans', 'customer_subscriptions', 'tasks', 'transactions');
  const failureOf = (stream: string) => comparisons.get(stream)?.failure?.message ?? '';
  assert.deepEqual(
    { plans: failureOf('plans'), tasks: failureOf('tasks'), transactions: failureOf('transactions') },
    { plans: '', tasks: '', transactions: '' },
  );
  assert.match(failureOf('customers'), /not an object/);
  assert.ok(comparisons.get('customer_subscriptions')?.failure instanceof ParentFailedError);
  assert.deepEqual(
    { plans: comparisons.get('plans')?.records, transactions: comparisons.get('transactions')?.records },
    { plans: 1, transactions: 0 },
  );
});

test('a rejected API key fails every stream, and a missing key fails before any request', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {
    '/customers': (_, response) => response.writeHead(401).end(),
    // This endpoint never responds.
    '/plans': () => undefined,
  });
  const settings = createSettings(t, baseUrl);
  for (const { failure } of (await compare(settings, 'plans', 'customers')).values())
    assert.ok(failure instanceof AuthenticationError, String(failure));

  requests.length = 0;
  const keyless = { ...settings, chartmogul: { ...settings.chartmogul, apiKey: undefined } };
  await assert.rejects(compare(keyless, 'plans'), ConfigError);
  assert.deepEqual(requests, []);
});

test('a stopped comparison fails with the reason for the stop', async (t) => {
  const server = await createPlansServer(t, hangsAt('page 2'));
  const settings = createSettings(t, server.baseUrl);
  const specs = chooseStreams(knownStreams(settings), 'plans');
  const stop = new AbortController();
  const stopped = compareSource(settings, specs, stop.signal, () =>
    stop.abort(new StoppedError('by the test')),
  );
  await assert.rejects(stopped, /by the test/);
});

test('metrics are compared only for the configured days and intervals', async (t) => {
  let mrr = 5;
  const { baseUrl, requests } = await createApiServer(t, {
    '/metrics/mrr': (query, response) => {
      const dates = ['2024-01-31', '2024-02-29', '2024-03-31'];
      const start = query.get('start-date') ?? '';
      const entries = dates.filter((date) => date >= start).map((date) => `{"date":"${date}","mrr":${mrr}}`);
      response.end(`{"entries":[${entries.join(',')}]}`);
    },
  });
  const standard = createSettings(t, baseUrl);
  const withMetrics = (metrics: Partial<Settings['produce']['metrics']>): Settings => ({
    ...standard,
    produce: { ...standard.produce, metrics: { ...standard.produce.metrics, ...metrics } },
  });
  await produceStreams(
    withMetrics({ startDate: '2024-01-01', intervals: ['month', 'quarter'] }),
    'metrics_mrr',
  );
  const settings = withMetrics({ startDate: '2024-02-01', intervals: ['month'], lookBackDays: 1 });
  requests.length = 0;
  assert.deepEqual(await differencesOf(settings, 'metrics_mrr'), { metrics_mrr: [] });
  assert.match(requests.join(' '), /^\/metrics\/mrr\?interval=month&start-date=2024-02-01&end-date=\S+$/);
  mrr = 6;
  assert.deepEqual(await differencesOf(settings, 'metrics_mrr'), {
    metrics_mrr: ['2024-02-29|month changed', '2024-03-31|month changed'],
  });
});

test('an unproduced custom stream has missing records and reports its progress page by page', async (t) => {
  const { baseUrl } = await createApiServer(t, {
    '/credit_notes': (query, response) =>
      response.end(
        query.has('cursor')
          ? page('entries', `{"id":2}`)
          : page('entries', `{"id":1}`).replace('false', 'true,"cursor":"c"'),
      ),
    '/credit_notes/1/lines': page('entries', `{"id":11}`),
    '/credit_notes/2/lines': page('entries'),
  });
  const standard = createSettings(t, baseUrl);
  const parent = { stream: 'credit_notes', field: 'note_id' };
  const customStreams = [
    { name: 'credit_lines', path: '/credit_notes/{note_id}/lines', primaryKey: 'id', parent },
    { name: 'credit_notes', path: '/credit_notes', primaryKey: 'id' },
  ];
  const settings = { ...standard, produce: { ...standard.produce, customStreams } };
  const before = await footprint(settings);
  const progress: SourceProgress[] = [];
  const specs = chooseStreams(knownStreams(settings), 'credit_lines');
  const comparisons = await compareSource(settings, specs, noSignal, (now) => progress.push(now));
  assert.deepEqual(comparisons.map(linesOf), [['11 missing'], ['1 missing', '2 missing']]);
  const ofNotes = progress.filter(({ stream }) => stream === 'credit_notes');
  assert.deepEqual(
    ofNotes.map(({ pages, records }) => [pages, records]),
    [
      [1, 1],
      [2, 2],
    ],
  );
  assert.deepEqual(await footprint(settings), before);
  const registry = new Registry(settings.schemaRegistry, noSignal);
  assert.equal(await registry.latestText(subjectOf(settings.topicPrefix, 'credit_notes')), undefined);
});
