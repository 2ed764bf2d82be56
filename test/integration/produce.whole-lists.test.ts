import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import type { JsonObject } from '../../core/json.ts';
import { checkpointsTopic } from '../../core/stream-name.ts';
import type { ListProgress } from '../../producers/chartmogul/source-list.ts';
import { checkpointMessage } from '../../producers/state/checkpoint.ts';
import type { StreamCounts } from '../../producers/report/stream-counts.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { committedMessages, folded, progressOf } from '../helpers/committed.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createProducer } from '../helpers/topic.ts';

const ROWS_OF_A_PAGE = 200;

/**
 * Returns a page of the rows that pass the filters, starting at a cursor or after a row, as
 * ChartMogul's API does.
 */
function pageOf(key: string, rows: readonly JsonObject[], query: URLSearchParams): string {
  const status = query.get('status')?.replaceAll('_', ' ');
  const source = query.get('data_source_uuid');
  const from = Date.parse(query.get('start-date') ?? '');
  const to = Date.parse(query.get('end-date') ?? '');
  const served = rows.filter((row) => {
    const date = Date.parse(String(row['date']));
    return (
      (status === undefined || row['status'] === status) &&
      (source === null || row['data_source_uuid'] === source) &&
      (Number.isNaN(from) || date >= from) &&
      (Number.isNaN(to) || date <= to)
    );
  });
  const after = query.get('start-after');
  const start =
    after === null ? Number(query.get('cursor') ?? 0) : served.findIndex(({ uuid }) => uuid === after) + 1;
  const end = start + ROWS_OF_A_PAGE;
  return JSON.stringify({
    [key]: served.slice(start, end),
    has_more: end < served.length,
    cursor: String(end),
  });
}

/** Returns 230 rows that the filters match, then 20 rows that no filter matches. */
const rowsOf = (field: string, usual: readonly string[], strange: readonly (string | null)[]) =>
  Array.from({ length: 250 }, (_, index): JsonObject => {
    const value = index < 230 ? usual[index % usual.length] : strange[index % strange.length];
    return { uuid: `u_${index}`, id: index, ...(value !== undefined && { [field]: value }) };
  });

async function liveKeys(settings: Settings, stream: string): Promise<string[]> {
  const messages = (await committedMessages(settings, stream)).get(stream) ?? [];
  return [...folded(messages).keys()].sort();
}

function assertNoFailures(counts: readonly StreamCounts[]): void {
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
}

/** Writes the checkpoint that a run would leave if it were interrupted with this progress. */
async function leaveCheckpoint(
  t: TestContext,
  settings: Settings,
  stream: string,
  slices: ReadonlyMap<string, ListProgress>,
): Promise<void> {
  const { checkpoint } = await progressOf(settings, stream);
  assert.ok(checkpoint);
  const producer = await createProducer(t, settings);
  const { key, value } = checkpointMessage(stream, {
    ...checkpoint,
    isComplete: false,
    startedAtMs: Date.now() - 60_000,
    slices,
  });
  await producer.send({ topic: checkpointsTopic(settings.topicPrefix), messages: [{ key, value }] });
}

test('records that match no filter are sent, and the next run deletes none of them', async (t) => {
  const lists: Readonly<Record<string, readonly JsonObject[]>> = {
    customers: rowsOf('status', ['Active'], ['Lead', 'Dreaming', null]),
    invoices: rowsOf('data_source_uuid', ['ds_a', 'ds_b'], ['ds_gone', null]),
    subscription_events: rowsOf('data_source_uuid', ['ds_a', 'ds_b'], ['ds_gone', null]),
    activities: rowsOf(
      'date',
      ['2020-01-01T00:00:00Z', '2025-01-01T00:00:00Z'],
      ['soon', null, '2999-01-01'],
    ),
  };
  const { baseUrl } = await createApiServer(t, {
    '/data_sources': '{"data_sources":[{"uuid":"ds_a"},{"uuid":"ds_b"}]}',
    ...Object.fromEntries(
      Object.entries(lists).map(([name, rows]) => [
        `/${name}`,
        (query: URLSearchParams, response: { end: (body: string) => void }) =>
          response.end(pageOf(/^(customers|activities)$/.test(name) ? 'entries' : name, rows, query)),
      ]),
    ),
  });
  const settings = createSettings(t, baseUrl);
  for (let run = 0; run < 2; run++) {
    const counts = await produceStreams(settings, ...Object.keys(lists));
    assertNoFailures(counts);
    for (const { stream, records, deleted } of counts)
      assert.deepEqual({ records, deleted }, { records: 250, deleted: 0 }, `${stream}, run ${run}`);
  }
  for (const name of Object.keys(lists)) assert.equal((await liveKeys(settings, name)).length, 250, name);
});

test('a list that an earlier version read in slices is not resumed but read completely', async (t) => {
  const rows = [...rowsOf('status', ['Active'], ['Lead'])];
  const { baseUrl } = await createApiServer(t, {
    '/customers': (query, response) => response.end(pageOf('entries', rows, query)),
  });
  const settings = createSettings(t, baseUrl);
  const all = rows.splice(0, rows.length);
  rows.push(...all.slice(0, 210));
  assertNoFailures(await produceStreams(settings, 'customers'));
  const sliceOf = (status: string | undefined, isDone: boolean): [string, ListProgress] => [
    status === undefined ? '/customers' : `/customers?status=${status}`,
    { path: '/customers', query: status === undefined ? {} : { status }, next: undefined, pages: 1, isDone },
  ];
  await leaveCheckpoint(
    t,
    settings,
    'customers',
    new Map([sliceOf(undefined, true), sliceOf('Active', false), sliceOf('Cancelled', true)]),
  );
  rows.splice(0, rows.length, ...all);
  const [counts] = await produceStreams(settings, 'customers');
  assert.deepEqual(
    { failure: counts?.failure, isResumed: counts?.isResumed, records: counts?.records },
    { failure: undefined, isResumed: false, records: 250 },
  );
  assert.equal((await liveKeys(settings, 'customers')).length, 250);
});

test('an empty page without "has_more": false fails the run, and no activity is deleted', async (t) => {
  const rows = Array.from({ length: 109 }, (_, index) => ({
    uuid: `a_${String(index).padStart(3, '0')}`,
    date: '2025-01-10T12:00:00+00:00',
  }));
  const list = (shown: readonly JsonObject[], rest: object) => JSON.stringify({ entries: shown, ...rest });
  let answer: (query: URLSearchParams) => string = () => list(rows, { has_more: false });
  const { baseUrl } = await createApiServer(t, {
    '/activities': (query, response) => response.end(answer(query)),
  });
  const settings = createSettings(t, baseUrl);
  const run = async () => {
    const [counts] = await produceStreams(settings, 'activities');
    return [counts?.failure?.name, counts?.deleted];
  };
  assert.deepEqual(await run(), [undefined, 0]);
  for (const rest of [{ has_more: true, cursor: 'x' }, { has_more: true }, {}, { has_more: null }]) {
    answer = (query) =>
      query.has('start-after') ? list([], rest) : list(rows.slice(0, 100), { has_more: true, cursor: 'x' });
    // The first run finds the page, the second resumes at it, and neither treats it as the end.
    for (let time = 0; time < 2; time++)
      assert.deepEqual(await run(), ['UnexpectedAnswerError', 0], JSON.stringify(rest));
  }
  answer = () => list(rows, { has_more: false });
  assert.deepEqual(await run(), [undefined, 0]);
  answer = () => list(rows.slice(0, 100), { has_more: false });
  assert.deepEqual(await run(), [undefined, 0], 'nothing must be deleted after the first miss');
  answer = () => list(rows, { has_more: false });
  assert.deepEqual(await run(), [undefined, 0], 'nothing must be deleted after the records reappear');
  answer = () => list(rows.slice(0, 100), { has_more: false });
  assert.deepEqual(
    [await run(), await run()],
    [
      [undefined, 0],
      [undefined, 9],
    ],
  );
});

test('records with dot segments as ids are sent, never requested, and deleted when missed twice', async (t) => {
  const customers = (...uuids: string[]) =>
    JSON.stringify({ entries: uuids.map((uuid) => ({ uuid })), has_more: false });
  const answers = {
    '/customers': customers('.', '..', 'cus_1', 'cus_2'),
    '/customers/cus_1/subscriptions': '{"entries":[{"id":1}],"has_more":false}',
    '/customers/cus_2/subscriptions': '{"entries":[{"id":2}],"has_more":false}',
  };
  const { baseUrl, requests } = await createApiServer(t, answers);
  const standard = createSettings(t, baseUrl);
  const settings = { ...standard, produce: { ...standard.produce, massDeletePercent: 100 } };
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  assert.deepEqual(await liveKeys(settings, 'customers'), ['.', '..', 'cus_1', 'cus_2']);
  assert.deepEqual(await liveKeys(settings, 'customer_subscriptions'), ['1', '2']);
  answers['/customers'] = customers('cus_1');
  const left: string[][] = [];
  for (let run = 0; run < 2; run++) {
    assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
    left.push(await liveKeys(settings, 'customers'));
  }
  assert.deepEqual(left, [['.', '..', 'cus_1'], ['cus_1']]);
  assert.deepEqual([...new Set(requests.map((path) => path.replace(/\?.*/, '')))].sort(), [
    '/customers',
    '/customers/cus_1/subscriptions',
    '/customers/cus_2',
    '/customers/cus_2/subscriptions',
    '/subscriptions',
  ]);
});
