import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulator, type Simulator } from '../../../simulator/simulator.ts';

interface Activity {
  readonly uuid: string;
  readonly date: string;
  readonly type: string;
}

const authorization = `Basic ${Buffer.from('key:').toString('base64')}`;

function get(simulator: Simulator, query: Readonly<Record<string, string>>) {
  const answer = simulator.answer({
    method: 'GET',
    url: `/v1/activities?${String(new URLSearchParams(query))}`,
    authorization,
  });
  assert.ok(typeof answer.body === 'string');
  return JSON.parse(answer.body) as { entries: Activity[]; cursor: string; has_more: boolean };
}

/**
 * Reads the whole list in pages of ten rows. Returns the uuids of the rows, and the number of pages
 * before the last one. `next` returns the query for the page after the given page.
 */
function follow(
  simulator: Simulator,
  next: (page: { entries: Activity[]; cursor: string }) => Record<string, string>,
) {
  const uuids: string[] = [];
  let pages = 0;
  for (let query: Record<string, string> = {}; ; pages++) {
    const page = get(simulator, { ...query, per_page: '10' });
    uuids.push(...page.entries.map(({ uuid }) => uuid));
    if (!page.has_more) return { uuids, turns: pages };
    query = next(page);
  }
}

const all = (simulator: Simulator) => [...simulator.truth('activities')].map((row) => row['uuid']);
const byCursor = ({ cursor }: { cursor: string }) => ({ cursor });
const byLastRow = ({ entries }: { entries: Activity[] }) => ({ 'start-after': entries.at(-1)?.uuid ?? '' });

test('the faulty cursor loses the row after each page', () => {
  const simulator = createSimulator({ customers: 100 });
  const { uuids, turns } = follow(simulator, byCursor);
  const expected = all(simulator);
  assert.ok(turns > 5);
  assert.equal(uuids.length, expected.length - turns);
  assert.deepEqual(uuids.slice(0, 11), [...expected.slice(0, 10), expected[11]]);
});

test('the sound cursor loses nothing', () => {
  const simulator = createSimulator({ customers: 100, activitiesCursor: 'sound' });
  assert.deepEqual(follow(simulator, byCursor).uuids, all(simulator));
});

test('start-after loses nothing even if the cursor is faulty', () => {
  const simulator = createSimulator({ customers: 100, activitiesCursor: 'faulty' });
  assert.deepEqual(follow(simulator, byLastRow).uuids, all(simulator));
});

test('activities are sorted by date, and order=-date returns the last one first', () => {
  const simulator = createSimulator({ customers: 100, revision: 2, changes: 0.3 });
  const dates = get(simulator, {}).entries.map(({ date }) => Date.parse(date));
  assert.deepEqual(
    dates,
    dates.toSorted((left, right) => left - right),
  );
  const forth = get(simulator, {}).entries.map(({ uuid }) => uuid);
  const back = get(simulator, { order: '-date' }).entries.map(({ uuid }) => uuid);
  assert.equal(back[0], all(simulator).at(-1));
  assert.ok(forth[0] !== back[0]);
});

test('date windows split the list without a gap', () => {
  const simulator = createSimulator({ customers: 60 });
  const early = get(simulator, { 'end-date': '2025-06-30' }).entries;
  const late = get(simulator, { 'start-date': '2025-07-01' }).entries;
  assert.ok(early.length > 0 && late.length > 0);
  assert.deepEqual(
    [...early, ...late].map(({ uuid }) => uuid),
    all(simulator),
  );
});

test('the parameter `type` selects one kind of activity', () => {
  const types = get(createSimulator({ customers: 100 }), { type: 'churn' }).entries.map(({ type }) => type);
  assert.deepEqual([...new Set(types)], ['churn']);
});
