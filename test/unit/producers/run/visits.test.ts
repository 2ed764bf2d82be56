import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../../../core/kafka/admin.ts';
import fc from 'fast-check';
import { loadSettings } from '../../../../core/settings/config.ts';
import { SourceUnavailableError, StreamNotFoundError } from '../../../../core/errors.ts';
import type { JsonValue } from '../../../../core/json.ts';
import { checkpointsTopic, topicOf } from '../../../../core/stream-name.ts';
import { ownMessageLimit } from '../../../../core/kafka/message-limits.ts';
import { KeyTable } from '../../../../producers/state/key-table.ts';
import { recordHash } from '../../../../producers/encode/record-hash.ts';
import { visitToken } from '../../../../producers/state/checkpoint-tracker.ts';
import { parseCheckpoint, parseCheckpointKey, visitMessage } from '../../../../producers/state/checkpoint.ts';
import { sourceList, type VisitEnd } from '../../../../producers/chartmogul/source-list.ts';
import type { ParentSpec, StreamSpec } from '../../../../producers/chartmogul/streams.ts';
import { messageHeaders, type Message, type TopicMessages } from '../../../../producers/encode/message.ts';
import { ParentEvents } from '../../../../producers/run/events.ts';
import type { Parents } from '../../../../producers/run/parents.ts';
import { produceStream } from '../../../../producers/run/produce-stream.ts';
import { createState, hashIn, type StreamState } from '../../../../producers/state/read-back.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import type { TransactionalProducer } from '../../../../producers/publish/transactional-producer.ts';
import type { EncodedEvent, EncodedPage } from '../../../../producers/publish/transaction-writable.ts';
import { Visits } from '../../../../producers/run/visits.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';
import { fakeSource, pageOf, type Answerer } from '../../../helpers/fake-source.ts';
import { noSignal } from '../../../helpers/settings.ts';
import { specOf } from '../../../helpers/stream-reading.ts';

const hashOf = (value: JsonValue) => recordHash(value);
const parentsOf = (...keys: string[]): Parents => ({ keys, hashes: keys.map(hashOf) });
const listed = { listKey: 'entries', paging: 'detect' } as const;

/** Returns the state of a topic that has these children, by parent. */
function stateOf(families: Readonly<Record<string, readonly string[]>>): StreamState {
  const state = createState();
  for (const [parent, keys] of Object.entries(families))
    for (const key of keys) {
      state.keys.set(key, hashOf(key));
      state.children.set(key, parent);
    }
  return state;
}

/** Records a child that a list returned, as the encoder does. */
function meet({ keys, children }: StreamState, key: string, parent: string): void {
  keys.set(key, hashOf(key));
  keys.see(key);
  children.set(key, parent);
}

function endOf(parent: string): VisitEnd {
  return { kind: 'visit-end', visit: { parent, token: visitToken(hashOf(parent), 1) } };
}

function pageTo(parent: string): EncodedPage {
  const list = { ...sourceList(listed, `/${parent}`), visit: endOf(parent).visit };
  return { kind: 'page', list, number: 1, entries: [], next: undefined, messages: [], deadLetters: [] };
}

async function settle(visits: Visits, ...events: readonly EncodedEvent[]): Promise<EncodedEvent[]> {
  const settled: EncodedEvent[] = [];
  const source = async function* () {
    yield* await Promise.resolve(events);
  };
  for await (const event of visits.settle(source())) settled.push(event);
  return settled;
}

const isHeldBack = async (visits: Visits, parent: string) =>
  (await settle(visits, endOf(parent))).length === 0;

const vanishedOf = (visits: Visits) =>
  visits
    .vanished()
    .map(
      ({ key, parent, isParentGone }) => `${key} of ${parent ?? 'no parent'}${isParentGone ? ', gone' : ''}`,
    )
    .sort();

/** Cases with the record and the round of the recorded visit, if any. */
const dues: readonly (readonly [
  name: string,
  visit: ParentSpec['visit'],
  recorded: readonly [record: string, round: number] | undefined,
  isDue: boolean,
])[] = [
  ['was visited unchanged in this round', 'changed', ['p', 2], false],
  ['was not visited', 'changed', undefined, true],
  ['changed', 'changed', ['p unchanged', 2], true],
  ['was visited in another round', 'changed', ['p', 1], true],
  ['was visited unchanged, but whose record does not reflect its children,', 'all', ['p', 2], true],
];
for (const [name, visit, recorded, isDue] of dues) {
  test(`a parent that ${name} is ${isDue ? '' : 'not '}due`, () => {
    const state = createState();
    if (recorded !== undefined) state.visits.set('p', visitToken(hashOf(recorded[0]), recorded[1]));
    const visits = new Visits('s', state, 2, visit);
    assert.equal(visits.begin(parentsOf('p')), isDue ? 1 : 0);
    const token = visitToken(hashOf('p'), 2);
    assert.deepEqual([...visits.due()], isDue ? [{ parent: 'p', token }] : []);
  });
}

test('due parents are counted and returned in order on every request', () => {
  const state = createState();
  state.visits.set('b', visitToken(hashOf('b'), 1));
  const visits = new Visits('s', state, 1, 'changed');
  assert.deepEqual(
    { isBegun: visits.isBegun, living: visits.living, due: [...visits.due()] },
    { isBegun: false, living: [], due: [] },
  );
  assert.equal(visits.begin(parentsOf('a', 'b', 'c')), 2);
  assert.deepEqual(
    { isBegun: visits.isBegun, living: visits.living },
    { isBegun: true, living: ['a', 'b', 'c'] },
  );
  for (let time = 0; time < 2; time++)
    assert.deepEqual(
      [...visits.due()].map(({ parent }) => parent),
      ['a', 'c'],
    );
});

test('parents with a new event are due before all others, and once per event', () => {
  const state = createState();
  const events = new ParentEvents();
  const note = (parent: string | undefined, offset: string, partition: number) =>
    events.note(
      {
        offset,
        value: Buffer.from('1'),
        headers: parent === undefined ? {} : { parent: Buffer.from(parent) },
      } as KafkaMessage,
      partition,
    );
  const visit = () => {
    const visits = new Visits('s', state, 1, 'changed');
    visits.begin({ ...parentsOf('a', 'b', 'c'), events });
    const due = [...visits.due()];
    for (const { parent, token } of due) state.visits.set(parent, token);
    return due.map(({ parent }) => parent);
  };
  note('c', '7', 1);
  note(undefined, '8', 1);
  note('unknown', '9', 1);
  assert.deepEqual(visit(), ['c', 'a', 'b']);
  assert.deepEqual(visit(), []);
  // This offset is lower, but it is in another partition, so the event is new.
  note('c', '3', 0);
  assert.deepEqual(visit(), ['c']);
  note('b', '10', 1);
  note('c', '11', 1);
  assert.deepEqual(visit(), ['b', 'c']);
  assert.deepEqual(visit(), []);
});

test('a parent without events has the same token as in runs that ignored events', () => {
  const visits = new Visits('s', createState(), 1, 'changed');
  visits.begin({ ...parentsOf('a'), events: new ParentEvents() });
  assert.deepEqual([...visits.due()], [{ parent: 'a', token: visitToken(hashOf('a'), 1) }]);
});

test('the end of a visit is held back when the list lacks a child that the topic has', async () => {
  const state = stateOf({ p: ['seen', 'missed'], q: ['of q'] });
  meet(state, 'seen', 'p');
  const visits = new Visits('s', state, 1, 'changed');
  assert.deepEqual(await settle(visits, pageTo('p'), endOf('p')), [pageTo('p')]);
});

const recorded: readonly (readonly [name: string, event: EncodedEvent])[] = [
  ['a page', pageTo('p')],
  ['a plan', { kind: 'plan', lists: [sourceList(listed, '/s')] }],
  ['the end of a visit to a parent without children', endOf('childless')],
  ['the end of a list with all children', endOf('whole')],
  ['the end of a list whose children are deleted on the topic', endOf('deleted')],
];
for (const [name, event] of recorded) {
  test(`${name} passes unchanged`, async () => {
    const state = stateOf({ p: ['missed'], whole: ['seen'], deleted: ['dead'] });
    meet(state, 'seen', 'whole');
    state.keys.delete('dead');
    const visits = new Visits('s', state, 1, 'changed');
    visits.begin(parentsOf('p', 'whole', 'deleted', 'childless'));
    const [settled] = await settle(visits, event);
    assert.equal(settled, event);
    assert.deepEqual(
      { vanished: visits.vanished(), messages: visits.messages(new Set()) },
      { vanished: [], messages: [] },
    );
  });
}

test('each visit is settled with its page, so a child that moved earlier is not missed', async () => {
  const state = stateOf({ p: ['mover'], q: [] });
  const visits = new Visits('s', state, 1, 'changed');
  visits.begin(parentsOf('p', 'q'));
  meet(state, 'mover', 'q');
  assert.equal(await isHeldBack(visits, 'q'), false);
  assert.equal(await isHeldBack(visits, 'p'), false);
  assert.deepEqual(visits.vanished(), []);
});

test('a child that is found under another parent later has not vanished', async () => {
  const state = stateOf({ p: ['mover', 'lost'] });
  const visits = new Visits('s', state, 1, 'changed');
  visits.begin(parentsOf('p', 'q'));
  assert.equal(await isHeldBack(visits, 'p'), true);
  meet(state, 'mover', 'q');
  assert.equal(await isHeldBack(visits, 'q'), false);
  assert.deepEqual(vanishedOf(visits), ['lost of p']);
});

test('children of a visited or deleted parent that no list contains have vanished', async () => {
  const state = stateOf({
    p: ['a', 'b'],
    'gone while visited': ['c'],
    unvisited: ['d'],
    gone: ['e', 'f', 'g'],
  });
  const visits = new Visits('s', state, 1, 'changed');
  visits.begin(parentsOf('p', 'gone while visited', 'unvisited'));
  state.keys.delete('g');
  meet(state, 'f', 'p');
  await settle(visits, endOf('p'), endOf('gone while visited'));
  assert.deepEqual(vanishedOf(visits), [
    'a of p',
    'b of p',
    'c of gone while visited',
    'e of no parent, gone',
  ]);
});

test('a child of a deleted parent that is missing from its list is reported once', async () => {
  const state = stateOf({ p: ['a'] });
  const visits = new Visits('s', state, 1, 'changed');
  visits.begin(parentsOf('q'));
  await settle(visits, endOf('p'));
  assert.deepEqual(vanishedOf(visits), ['a of p']);
});

test('visits in doubt are recorded at the end unless they must be repeated', async () => {
  const visits = new Visits('s', stateOf({ p: ['a'], q: ['b'], r: [] }), 1, 'changed');
  visits.begin(parentsOf('p', 'q', 'r'));
  await settle(visits, endOf('p'), endOf('q'), endOf('r'));
  assert.deepEqual(visits.messages(new Set(['q'])), [
    visitMessage('s', 'p', visitToken(hashOf('p'), 1)),
    visitMessage('s', 'q', null),
  ]);
});

/** The parents in the source, each with a record and the children in its list. */
type Account = Map<string, { record: number; readonly children: Set<number> }>;

interface Step {
  readonly parent: string;
  /**
   * The child that moves to the parent, returns or vanishes. If it is undefined, the parent
   * vanishes with its children, or returns without them.
   */
  readonly child: number | undefined;
  /** Whether the child vanishes, if the parent has it. */
  readonly isLost: boolean;
}

let records = 0;

function change(account: Account, { parent, child, isLost }: Step): void {
  const family = account.get(parent);
  if (child === undefined) {
    if (family === undefined) account.set(parent, { record: ++records, children: new Set() });
    else account.delete(parent);
    return;
  }
  if (family === undefined || isLost !== family.children.has(child)) return;
  for (const other of account.values()) if (other.children.delete(child)) other.record = ++records;
  if (!isLost) family.children.add(child);
  family.record = ++records;
}

const keysOf = (account: Account) =>
  new Map([...account].flatMap(([parent, { children }]) => [...children].map((id) => [String(id), parent])));

/** The contents of the topics, in commit order. */
type Log = { readonly topic: string; readonly message: Message }[];

const settings = loadSettings({}, '');
const own = specOf('customer_subscriptions');
const topic = topicOf(settings.topicPrefix, own.name);
const checkpoints = checkpointsTopic(settings.topicPrefix);

function readBack(log: Log): StreamState {
  const state = createState();
  for (const { topic: at, message } of log) {
    const { key, value, headers } = message;
    const about = at === checkpoints ? parseCheckpointKey(key) : undefined;
    if (at === topic && value === null) state.keys.delete(key);
    else if (at === topic) {
      state.keys.set(key, hashIn(headers));
      state.children.set(key, headers?.[messageHeaders.parent] ?? '');
    } else if (about?.kind === 'stream') state.checkpoint = parseCheckpoint(String(value));
    else if (about?.kind === 'missing' && value !== null) state.missing.add(about.subject);
    else if (about?.kind === 'missing') state.missing.delete(about.subject);
    else if (about !== undefined && value !== null) state.visits.set(about.subject, value);
    else if (about !== undefined) state.visits.delete(about.subject);
  }
  return state.keys.size === 0 ? createState() : state;
}

/** Returns the children on the topic with their parents. */
function liveOn(log: Log): Map<string, string> {
  const live = new Map<string, string>();
  for (const { topic: at, message } of log) {
    if (at !== topic) continue;
    if (message.value === null) live.delete(message.key);
    else live.set(message.key, String(message.headers?.[messageHeaders.parent]));
  }
  return live;
}

interface Process {
  /** The source fails after this number of requests. The pages read until then are committed. */
  readonly requests: number;
  /** The run is killed after this number of commits. */
  readonly commits: number;
  readonly isFull: boolean;
  /**
   * A child that its list omits in this run although the source has it, as when rows move between
   * pages.
   */
  readonly hidden?: number;
}

class Killed extends Error {}

/** Runs the stream once. Asserts that no tombstone is sent for a child that the source has. */
async function run(
  account: Account,
  log: Log,
  visit: ParentSpec['visit'],
  { requests, commits, isFull, hidden }: Process,
  fullRoundDays: number,
): Promise<void> {
  let asked = 0;
  let committed = 0;
  const answer: Answerer = (path, query) => {
    if (++asked > requests) throw new SourceUnavailableError(`${path} answered 503`);
    const children = account.get(path.split('/')[2] ?? '')?.children;
    if (children === undefined) throw new StreamNotFoundError(`${path} answered 404`);
    const rows = [...children].filter((id) => id !== hidden).map((id) => ({ id }));
    return pageOf(rows, query, { style: 'stray cursor', rowsOfAPage: 2 });
  };
  const commit = (batches: readonly TopicMessages[]) => {
    if (++committed > commits) return Promise.reject(new Killed());
    for (const { topic: at, messages } of batches)
      for (const message of messages) {
        const isDelete = at === topic && message.value === null;
        assert.ok(
          !isDelete || !keysOf(account).has(message.key),
          `${message.key} was deleted although it exists`,
        );
        log.push({ topic: at, message });
      }
    return Promise.resolve();
  };
  const spec: StreamSpec = {
    ...own,
    paths: ['/customers/{customer_uuid}/subscriptions'],
    parent: { stream: 'customers', field: 'customer_uuid', visit },
  };
  const hashes = [...account.values()].map(({ record }) => hashOf(record));
  await produceStream(
    {
      settings: { ...settings, produce: { ...settings.produce, fullRoundDays } },
      options: { run: 'run', isFull, isMassDeleteAllowed: true },
      client: fakeSource(answer).client,
      registry: new FakeRegistry(),
      // No topic can be read again, so the recorded visits to deleted parents remain.
      admin: { listTopics: () => Promise.resolve([]) } as unknown as KafkaAdmin,
      readTopics: () => Promise.resolve([]),
      deadLetters: new KeyTable(),
      discarded: new KeyTable(),
      messageLimit: ownMessageLimit,
      parentsOf: () => Promise.resolve({ keys: [...account.keys()], hashes }),
      signal: noSignal,
    },
    spec,
    readBack(log),
    { commit } as unknown as TransactionalProducer,
    new StreamCounts(spec.name, topic),
  ).catch((error: unknown) => {
    if (!(error instanceof Killed) && !(error instanceof SourceUnavailableError)) throw error;
  });
}

const anyStep = fc.record({
  parent: fc.constantFrom('p', 'q', 'r'),
  child: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined, freq: 6 }),
  isLost: fc.boolean(),
});
const anyProcess: fc.Arbitrary<Process> = fc.record({
  requests: fc.constantFrom(0, 1, 2, 3, 4, 6, Infinity, Infinity, Infinity),
  commits: fc.constantFrom(0, 1, 1, 2, Infinity),
  isFull: fc.nat(5).map((number) => number === 0),
});
const uninterrupted: Process = { requests: Infinity, commits: Infinity, isFull: false };

test('two complete runs make the topic match the source after any interrupted runs', async () => {
  const history = fc.array(fc.tuple(fc.array(anyStep, { maxLength: 4 }), anyProcess), {
    minLength: 1,
    maxLength: 6,
  });
  let tombstones = 0;
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.constantFrom<ParentSpec['visit']>('changed', 'all'),
      fc.constantFrom(0, 7),
      async (runs, visit, fullRoundDays) => {
        const account: Account = new Map();
        for (const parent of ['p', 'q', 'r']) change(account, { parent, child: undefined, isLost: false });
        for (const child of [1, 2, 3, 4])
          change(account, { parent: child < 4 ? 'p' : 'q', child, isLost: false });
        const log: Log = [];
        await run(account, log, visit, uninterrupted, fullRoundDays);
        // Hidden in this run only, so no two runs can miss it.
        await run(account, log, visit, { ...uninterrupted, hidden: 1 }, fullRoundDays);
        for (const [steps, process] of runs) {
          for (const step of steps) change(account, step);
          await run(account, log, visit, process, fullRoundDays);
        }
        for (let time = 0; time < 2; time++) await run(account, log, visit, uninterrupted, fullRoundDays);
        assert.deepEqual([...liveOn(log)].sort(), [...keysOf(account)].sort());
        const written = log.length;
        await run(account, log, visit, uninterrupted, 7);
        assert.deepEqual(
          log.slice(written).filter(({ topic: at }) => at === topic),
          [],
        );
        tombstones += log.filter(({ topic: at, message }) => at === topic && message.value === null).length;
      },
    ),
    { numRuns: 80 },
  );
  assert.ok(tombstones > 30, `only ${tombstones} children were deleted`);
});
