import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ChildTable } from '../../../../producers/state/child-table.ts';
import { KeyTable } from '../../../../producers/state/key-table.ts';
import {
  beginCheckpoint,
  CheckpointTracker,
  visitToken,
  type RunStart,
} from '../../../../producers/state/checkpoint-tracker.ts';
import {
  checkpointKey,
  parseCheckpoint,
  parseCheckpointKey,
  type Checkpoint,
} from '../../../../producers/state/checkpoint.ts';
import {
  sourceList,
  type Page,
  type SourceEvent,
  type SourceList,
} from '../../../../producers/chartmogul/source-list.ts';
import { Visits } from '../../../../producers/run/visits.ts';
import { valuesOf } from '../../../helpers/fake-source.ts';
import { entriesOf } from '../../../helpers/stream-encoding.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 6, 1);

const start: RunStart = {
  run: 'new',
  nowMs: NOW_MS,
  isFull: false,
  fullRoundDays: 7,
  isListed: () => true,
};
const previous: Checkpoint = {
  run: 'old',
  startedAtMs: NOW_MS - HOUR_MS,
  isFull: false,
  isComplete: false,
  round: 3,
  roundAtMs: NOW_MS - 2 * DAY_MS,
  pages: 5,
  records: 900,
  expectedPages: 40,
  slices: new Map([['/a', { path: '/a', query: {}, next: { cursor: 'c' }, pages: 5, isDone: false }]]),
};

test('the first run of a stream starts the first round without expected pages', () => {
  assert.deepEqual(beginCheckpoint(undefined, start), {
    checkpoint: {
      run: 'new',
      startedAtMs: NOW_MS,
      isFull: false,
      isComplete: false,
      round: 1,
      roundAtMs: NOW_MS,
      pages: 0,
      records: 0,
      expectedPages: undefined,
      slices: new Map(),
    },
    isResumed: false,
  });
});

const read = ['/b', { path: '/b', query: {}, next: undefined, pages: 9, isDone: true }] as const;

const interrupted: readonly (readonly [
  name: string,
  isResumed: boolean,
  of: Partial<Checkpoint>,
  start?: Partial<RunStart>,
])[] = [
  ['that began an hour ago', true, {}],
  ['that began almost a day ago', true, { startedAtMs: NOW_MS - DAY_MS + 1 }],
  ['that began a day ago', false, { startedAtMs: NOW_MS - DAY_MS }],
  ['that began with a clock that was ahead', false, { startedAtMs: NOW_MS + 1 }],
  ['that began in this millisecond', true, { startedAtMs: NOW_MS }],
  ['that was complete', false, { isComplete: true }],
  ['that had read everything without sending its deletes', false, { slices: new Map([read]) }],
  ['that had read one list of two', true, { slices: new Map([read, ...previous.slices]) }],
  ['that had recorded only visits', true, { slices: new Map() }],
  ['without --full before a full run', false, {}, { isFull: true }],
  ['with --full before a full run', true, { isFull: true }, { isFull: true }],
  ['with --full before a normal run', true, { isFull: true }],
  ['whose round has ended', true, { roundAtMs: NOW_MS - 30 * DAY_MS }],
];
for (const [name, isResumed, some, started] of interrupted) {
  test(`a run ${name} is ${isResumed ? 'resumed' : 'not resumed'}`, () => {
    const before = { ...previous, ...some };
    const begun = beginCheckpoint(before, { ...start, ...started });
    assert.equal(begun.isResumed, isResumed);
    if (isResumed) assert.deepEqual(begun.checkpoint, { ...before, run: 'new' });
    else {
      const { run, startedAtMs, isFull, isComplete, pages, records, slices } = begun.checkpoint;
      assert.deepEqual(
        { run, startedAtMs, isComplete, pages, records },
        { run: 'new', startedAtMs: NOW_MS, isComplete: false, pages: 0, records: 0 },
      );
      assert.equal(isFull, started?.isFull ?? false);
      assert.equal(slices.size, 0);
    }
  });
}

const rounds: readonly (readonly [name: string, ageMs: number, round: number, start?: Partial<RunStart>])[] =
  [
    ['before the end of the round stays in it', 7 * DAY_MS - 1, 3],
    ['at the end of the round begins the next round', 7 * DAY_MS, 4],
    ['long after the end of the round begins the next round', 70 * DAY_MS, 4],
    ['after the clock was set back stays in the round', -DAY_MS, 3],
    ['that sends everything begins the next round', DAY_MS, 4, { isFull: true }],
    ['with rounds of zero days begins the next round', 0, 4, { fullRoundDays: 0 }],
    ['with rounds of half a day begins the next round', DAY_MS / 2, 4, { fullRoundDays: 0.5 }],
  ];
for (const [name, ageMs, round, started] of rounds) {
  test(`a run ${name}`, () => {
    const complete = { ...previous, isComplete: true, roundAtMs: NOW_MS - ageMs };
    const { checkpoint } = beginCheckpoint(complete, { ...start, ...started });
    assert.equal(checkpoint.round, round);
    assert.equal(checkpoint.roundAtMs, round === 4 ? NOW_MS : NOW_MS - ageMs);
  });
}

test('a run expects the pages of the last complete run after any interruptions', () => {
  const expected = (before: Partial<Checkpoint>) =>
    beginCheckpoint({ ...previous, startedAtMs: 0, ...before }, start).checkpoint.expectedPages;
  assert.equal(expected({ isComplete: true, pages: 50 }), 50);
  assert.equal(expected({ isComplete: false, pages: 12 }), 40);
  assert.equal(expected({ isComplete: false, expectedPages: undefined }), undefined);
});

test('a run with a list that would no longer be read restarts in the same round', () => {
  const isListed = (id: string) => id === '/a';
  const slices = new Map([...previous.slices, ['/a?status=Active', { ...read[1], isDone: false }] as const]);
  const begun = beginCheckpoint({ ...previous, slices }, { ...start, isListed });
  const { round, roundAtMs, expectedPages, pages } = begun.checkpoint;
  assert.deepEqual(
    { isResumed: begun.isResumed, slices: begun.checkpoint.slices.size, pages },
    { isResumed: false, slices: 0, pages: 0 },
  );
  assert.deepEqual(
    { round, roundAtMs, expectedPages },
    { round: 3, roundAtMs: previous.roundAtMs, expectedPages: 40 },
  );
  assert.ok(beginCheckpoint(previous, { ...start, isListed }).isResumed);
});

test('a parent is visited again when its record, the round or its latest event changes', () => {
  const hash = Buffer.from('12345678');
  const other = Buffer.from('12345679');
  assert.deepEqual(visitToken(hash, 1), visitToken(Buffer.from(hash), 1));
  assert.equal(visitToken(hash, 1).length, 8);
  const tokens = [visitToken(hash, 1), visitToken(hash, 2), visitToken(hash, 12), visitToken(other, 1)];
  tokens.push(visitToken(hash, 1, '0:1'), visitToken(hash, 1, '0:2'), visitToken(hash, 1, '0:1 2:1'));
  assert.equal(new Set(tokens.map(String)).size, tokens.length);
});

/** The lists of a stream and how a new run reads them. */
interface World {
  readonly kind: 'one list' | 'side by side' | 'by parents';
  /** The number of pages of each list. */
  readonly lengths: readonly number[];
}

const paged = { listKey: 'entries', paging: 'detect' } as const;
const main = sourceList(paged, '/a', {});
const slicesOf = ({ lengths }: World) =>
  lengths.map((_, index) => sourceList(paged, '/a', { interval: index }));
const parentOf = (index: number) => `p|${index}`;

/** Returns a page with one record. */
function pageOf(list: SourceList, number: number, length: number): Page {
  const next = number < length ? { page: number + 1 } : undefined;
  return { kind: 'page', list, number, entries: entriesOf([`${list.id} ${number}`]), next };
}

interface Part {
  readonly list: SourceList;
  readonly length: number;
  readonly first: number;
}

/** Yields the events of each list in order. `picks` chooses the list of each turn. */
function* interleaved(parts: readonly Part[], picks: readonly number[]): Generator<SourceEvent> {
  const left = parts.filter(({ first, length }) => first <= length).map((part) => ({ ...part }));
  for (let turn = 0; left.length > 0; turn++) {
    const at = (picks[turn % picks.length] ?? 0) % left.length;
    const part = left[at];
    if (part === undefined) return;
    yield pageOf(part.list, part.first++, part.length);
    if (part.first <= part.length) continue;
    left.splice(at, 1);
    if (part.list.visit !== undefined) yield { kind: 'visit-end', visit: part.list.visit };
  }
}

function* eventsOf(
  world: World,
  picks: readonly number[],
  visits: KeyTable,
  round: number,
): Generator<SourceEvent> {
  const { kind, lengths } = world;
  const [length = 1] = lengths;
  const slices = slicesOf(world);
  const whole = (list: SourceList, index: number) => ({ list, length: lengths[index] ?? 1, first: 1 });
  if (kind === 'by parents') {
    yield* interleaved(visitParts(world, visits, round), picks);
  } else if (kind === 'side by side') {
    yield { kind: 'plan', lists: slices };
    yield* interleaved(slices.map(whole), picks);
  } else {
    yield* interleaved([{ list: main, length, first: 1 }], picks);
  }
}

const none = { keys: new KeyTable(), children: new ChildTable(), missing: new Set<string>() };

function visitParts({ lengths }: World, visits: KeyTable, round: number): Part[] {
  const keys = lengths.map((_, index) => parentOf(index));
  const ofRun = new Visits('s', { ...none, checkpoint: undefined, visits }, round, 'changed');
  const count = ofRun.begin({ keys, hashes: keys.map((_, index) => Buffer.alloc(8, index)) });
  const parts = [...ofRun.due()].map((visit) => {
    const list = { ...sourceList({ listKey: 'entries', paging: 'detect' }, `/${visit.parent}`, {}), visit };
    return { list, length: lengths[keys.indexOf(visit.parent)] ?? 1, first: 1 };
  });
  assert.equal(parts.length, count);
  return parts;
}

/** The compacted topic `checkpoints`. */
type Topic = Map<string, Buffer | null>;

/** Returns the events that a new run reads, according to the topic. */
function eventsLeft(world: World, topic: Topic, picks: readonly number[]) {
  const value = topic.get(checkpointKey.ofStream('s'));
  const begun = beginCheckpoint(value ? parseCheckpoint(String(value)) : undefined, start);
  const { slices, round } = begun.checkpoint;
  const visits = new KeyTable();
  for (const [key, token] of topic) {
    const about = parseCheckpointKey(key);
    if (about?.kind === 'visit' && token !== null) visits.set(about.subject, token);
  }
  if (slices.size === 0) return { ...begun, events: eventsOf(world, picks, visits, round) };
  const known = [main, ...slicesOf(world)];
  const parts = [...slices].map(([id, { path, query, next, pages, isDone }]): Part => {
    const index = known.findIndex((list) => list.id === id);
    assert.deepEqual({ path, query }, { path: known[index]?.path, query: known[index]?.query });
    assert.equal(next?.['page'], isDone || pages === 0 ? undefined : pages + 1);
    const [length = 1] = index === 0 ? world.lengths : world.lengths.slice(index - 1);
    return { list: known[index] ?? main, length, first: isDone ? length + 1 : pages + 1 };
  });
  return { ...begun, events: interleaved(parts, picks) };
}

const recordsOf = (events: Iterable<SourceEvent>) =>
  [...events].flatMap((event) => (event.kind === 'page' ? valuesOf(event).map(String) : [])).sort();

/** Returns the records that a run must read when these records and visits are on the topic. */
function unread(
  { kind, lengths }: World,
  all: readonly string[],
  committed: ReadonlySet<string>,
  visited: ReadonlySet<string>,
): string[] {
  if (kind !== 'by parents') return all.filter((record) => !committed.has(record));
  const isVisited = lengths.map((_, index) => visited.has(parentOf(index)));
  return all.filter(
    (record) => !isVisited[lengths.findIndex((_, at) => record.startsWith(`/${parentOf(at)} `))],
  );
}

/**
 * Asserts that a complete checkpoint contains every list that was read, except those of parents, so
 * that it shows for which intervals of a metric the history is known.
 */
function assertAllKept(world: World, slices: Checkpoint['slices']): void {
  const { kind } = world;
  const lists = { 'one list': [main], 'side by side': slicesOf(world), 'by parents': [] }[kind];
  assert.deepEqual([...slices.keys()].sort(), lists.map(({ id }) => id).sort());
}

const anyWorld: fc.Arbitrary<World> = fc.record({
  kind: fc.constantFrom('one list', 'side by side', 'by parents'),
  lengths: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
});
const anyProcess = fc.record({
  /** The run is killed after this number of pages and loses everything uncommitted. */
  pages: fc.nat(8),
  pagesOfTransaction: fc.integer({ min: 1, max: 3 }),
  picks: fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }),
});

test('the next run after any kill reads exactly the uncommitted records and unfinished visits', () => {
  fc.assert(
    fc.property(anyWorld, fc.array(anyProcess, { maxLength: 6 }), (world, killed) => {
      const topic: Topic = new Map();
      const all = [...new Set(recordsOf(eventsOf(world, [0], new KeyTable(), 1)))];
      let committed: string[] = [];
      const visited = new Set<string>();
      for (const process of [...killed, { pages: Infinity, pagesOfTransaction: 2, picks: [1] }]) {
        const { checkpoint, isResumed, events } = eventsLeft(world, topic, process.picks);
        const tracker = new CheckpointTracker('s', checkpoint);
        let isRestarted = !isResumed;
        let waiting: SourceEvent[] = [];
        const commit = (messages: ReturnType<CheckpointTracker['take']>) => {
          for (const { key, value } of messages) topic.set(key, value);
          if (isRestarted) committed = [];
          isRestarted = false;
          committed.push(...recordsOf(waiting));
          for (const event of waiting) if (event.kind === 'visit-end') visited.add(event.visit.parent);
          waiting = [];
        };
        let read = 0;
        for (const event of events) {
          if (event.kind === 'page' && read++ === process.pages) break;
          tracker.advance(event);
          waiting.push(event);
          if (event.kind !== 'plan' && read % process.pagesOfTransaction === 0) commit(tracker.take());
        }
        if (process.pages === Infinity) {
          commit(tracker.complete());
          assert.deepEqual([...new Set(committed)].sort(), all);
          const last = parseCheckpoint(String(topic.get('s')));
          assert.ok(last?.isComplete === true && [...last.slices.values()].every(({ isDone }) => isDone));
          assertAllKept(world, last.slices);
          assert.deepEqual(
            { pages: last.pages, records: last.records },
            { pages: committed.length, records: committed.length },
          );
          return;
        }
        const next = eventsLeft(world, topic, [0]);
        const left = recordsOf(next.events);
        const wanted = unread(world, all, new Set(committed), visited);
        const isLeft = wanted.length > 0 || world.kind === 'by parents';
        assert.equal(next.isResumed, committed.length > 0 && isLeft);
        assert.deepEqual(left, next.isResumed ? wanted : all);
      }
    }),
    { numRuns: 300 },
  );
});

test('a visit is recorded once, with the transaction after its end', () => {
  const tracker = new CheckpointTracker('s', beginCheckpoint(undefined, start).checkpoint);
  const list = { ...main, visit: { parent: 'p', token: Buffer.from('12345678') } };
  const keys = () => tracker.take().map(({ key }) => key);
  tracker.advance({ kind: 'page', list, number: 1, entries: entriesOf([1]), next: { page: 2 } });
  assert.deepEqual(keys(), ['s']);
  tracker.advance({ kind: 'page', list, number: 2, entries: entriesOf([2, 3]), next: undefined });
  tracker.advance({ kind: 'visit-end', visit: list.visit });
  const [visit, checkpoint] = tracker.take();
  assert.deepEqual(visit, { key: checkpointKey.ofVisit('s', 'p'), value: list.visit.token });
  assert.equal(checkpoint?.key, 's');
  assert.deepEqual(keys(), ['s']);
  const { pages, records, slices } = tracker.checkpoint;
  assert.deepEqual({ pages, records, slices: slices.size }, { pages: 2, records: 3, slices: 0 });
});

test('a visit whose end is held back is not recorded, although its pages are', () => {
  const tracker = new CheckpointTracker('s', beginCheckpoint(undefined, start).checkpoint);
  const list = { ...main, visit: { parent: 'p', token: Buffer.from('12345678') } };
  tracker.advance({ kind: 'page', list, number: 1, entries: entriesOf([1]), next: undefined });
  assert.deepEqual(
    tracker.take().map(({ key }) => key),
    ['s'],
  );
  const { pages, records, slices } = tracker.checkpoint;
  assert.deepEqual({ pages, records, slices: slices.size }, { pages: 1, records: 1, slices: 0 });
});

test('a tracker does not change its initial checkpoint', () => {
  const tracker = new CheckpointTracker('s', previous);
  tracker.advance({ kind: 'page', list: main, number: 6, entries: entriesOf([]), next: undefined });
  tracker.complete();
  assert.equal(previous.slices.get('/a')?.pages, 5);
});
