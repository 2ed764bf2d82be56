import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaAdmin } from '../../../../core/kafka/admin.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { MassDeleteError, ServiceUnavailableError, StreamNotFoundError } from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { checkpointsTopic, topicOf } from '../../../../core/stream-name.ts';
import { ownMessageLimit } from '../../../../core/kafka/message-limits.ts';
import { KeyTable } from '../../../../producers/state/key-table.ts';
import { recordHash } from '../../../../producers/encode/record-hash.ts';
import {
  beginCheckpoint,
  CheckpointTracker,
  visitToken,
} from '../../../../producers/state/checkpoint-tracker.ts';
import { missingMessage, parseCheckpoint, visitMessage } from '../../../../producers/state/checkpoint.ts';
import type { VisitEnd } from '../../../../producers/chartmogul/source-list.ts';
import type { DeleteProof } from '../../../../producers/chartmogul/streams.ts';
import type { Message, TopicMessages } from '../../../../producers/encode/message.ts';
import { createState, type StreamState } from '../../../../producers/state/read-back.ts';
import { sendDeletes, type DeleteOptions } from '../../../../producers/run/send-deletes.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import type { TransactionalProducer } from '../../../../producers/publish/transactional-producer.ts';
import { Visits } from '../../../../producers/run/visits.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';
import { fakeSource } from '../../../helpers/fake-source.ts';
import { noSignal } from '../../../helpers/settings.ts';
import { specOf } from '../../../helpers/stream-reading.ts';

const settings = loadSettings({}, '');
const stream = 'customer_subscriptions';
const topic = topicOf(settings.topicPrefix, stream);
const checkpoints = checkpointsTopic(settings.topicPrefix);
const twice: DeleteProof = { proof: 'twice' };
const lookUp: DeleteProof = { proof: 'look-up', path: '/subscriptions/{key}' };

interface Given {
  readonly proof?: DeleteProof;
  /** Children on the topic that this run found or missed. All belong to the parent `p`. */
  readonly met?: readonly string[];
  readonly unmet?: readonly string[];
  /** Keys that the last complete run missed. */
  readonly missing?: readonly string[];
  readonly isResumed?: boolean;
  /** Whether the parent `p` is gone. */
  readonly isParentGone?: true;
  /** Whether the stream is read per parent. If so, `p` is visited unless it is gone. */
  readonly isByParents?: boolean;
  readonly isMassDeleteAllowed?: boolean;
  /** Keys that a lookup finds. */
  readonly there?: readonly string[];
  /** The number of the commit that fails, from 1. */
  readonly failing?: number;
}

const tokenOf = (parent: string) => visitToken(recordHash(parent), 1);

async function visitsOf(state: StreamState, isParentGone: true | undefined): Promise<Visits> {
  const visits = new Visits(stream, state, 1, 'changed');
  const living = isParentGone === true ? 'q' : 'p';
  visits.begin({ keys: [living], hashes: [recordHash(living)] });
  if (isParentGone === true) return visits;
  const events = async function* (): AsyncGenerator<VisitEnd> {
    yield await Promise.resolve({ kind: 'visit-end', visit: { parent: 'p', token: tokenOf('p') } });
  };
  for await (const settled of visits.settle(events())) assert.ok(settled);
  return visits;
}

/**
 * Runs the complete delete step for deletes that require no topic reads. Any Kafka request other
 * than a commit fails.
 */
async function deletes(given: Given) {
  const { proof = twice, met = [], unmet = [], there = [], isByParents = true, failing = Infinity } = given;
  const state: StreamState = { ...createState(), missing: new Set(given.missing) };
  for (const key of [...met, ...unmet]) {
    state.keys.set(key, recordHash(key));
    state.children.set(key, 'p');
  }
  for (const key of met) state.keys.see(key);
  const commits: (readonly TopicMessages[])[] = [];
  const commit = (batches: readonly TopicMessages[]) => {
    if (commits.length + 1 === failing) return Promise.reject(new ServiceUnavailableError('no Kafka'));
    commits.push(batches);
    return Promise.resolve();
  };
  const { client, requests } = fakeSource((path): JsonObject => {
    if (there.includes(path.replace('/subscriptions/', ''))) return {};
    throw new StreamNotFoundError(`${path} answered 404`);
  });
  const counts = new StreamCounts(stream, topic);
  const start = { run: 'r', nowMs: 1, isFull: false, fullRoundDays: 7, isListed: () => true };
  const begun = beginCheckpoint(undefined, start);
  const tracker = new CheckpointTracker(stream, begun.checkpoint);
  const { isMassDeleteAllowed = true, isResumed = false } = given;
  counts.isResumed = isResumed;
  const options: DeleteOptions = {
    context: {
      settings,
      options: { run: 'r', isFull: false, isMassDeleteAllowed },
      client,
      registry: new FakeRegistry(),
      admin: {} as unknown as KafkaAdmin,
      deadLetters: new KeyTable(),
      discarded: new KeyTable(),
      messageLimit: ownMessageLimit,
      readTopics: () => Promise.reject(new Error('a topic was read')),
      parentsOf: () => Promise.reject(new Error('the parents were requested')),
      signal: noSignal,
    },
    spec: { ...specOf(stream), deletes: proof },
    state,
    producer: { commit } as unknown as TransactionalProducer,
    counts,
    observer: {},
    tracker,
    visits: isByParents ? await visitsOf(state, given.isParentGone) : undefined,
  };
  let failure: unknown;
  await sendDeletes(options).catch((error: unknown) => (failure = error));
  const sent = commits.flat();
  return {
    failure,
    commits,
    tombstones: sent.filter((batch) => batch.topic === topic).flatMap(({ messages }) => messages),
    checkpoints: sent.filter((batch) => batch.topic === checkpoints).flatMap(({ messages }) => messages),
    requests,
    counts,
    keys: state.keys,
  };
}

const isComplete = ({ key, value }: Message) =>
  key === stream && parseCheckpoint(String(value))?.isComplete === true;

const byKey = (one: Message, other: Message) => (one.key < other.key ? -1 : 1);
const isMissing = (key: string) => missingMessage(stream, key, true);
const isNotMissing = (key: string) => missingMessage(stream, key, false);
const isVisited = visitMessage(stream, 'p', tokenOf('p'));
const isToBeVisited = visitMessage(stream, 'p', null);

/**
 * The runs, each with its expected tombstone keys and its expected messages to `checkpoints`,
 * except the last message, which completes the run.
 */
const cases: readonly (readonly [
  name: string,
  given: Given,
  tombstones: readonly string[],
  notes: readonly Message[],
])[] = [
  ['that finds every key sends only its completion', { met: ['a', 'b'] }, [], []],
  [
    'that misses a child for the first time records this and makes its parent due',
    { met: ['a'], unmet: ['b'] },
    [],
    [isMissing('b'), isToBeVisited],
  ],
  [
    'that misses a child for the second time deletes it',
    { met: ['a'], unmet: ['b'], missing: ['b'] },
    ['b'],
    [isNotMissing('b'), isVisited],
  ],
  [
    'that misses one child once and another twice deletes the latter and makes the parent due',
    { unmet: ['a', 'b'], missing: ['b'] },
    ['b'],
    [isMissing('a'), isNotMissing('b'), isToBeVisited],
  ],
  ['that finds a missing key clears its mark', { met: ['a'], missing: ['a'] }, [], [isNotMissing('a')]],
  [
    'deletes the children of a parent that is gone',
    { unmet: ['a', 'b'], isParentGone: true },
    ['a', 'b'],
    [],
  ],
  [
    'that was resumed counts a missing child as missing for the first time',
    { unmet: ['a'], missing: ['a'], isResumed: true },
    [],
    [isMissing('a'), isToBeVisited],
  ],
  [
    'that was resumed clears undecided missing keys',
    { missing: ['elsewhere'], isResumed: true },
    [],
    [isNotMissing('elsewhere')],
  ],
  [
    'that was resumed over a complete list clears all missing keys',
    { met: ['a'], unmet: ['b', 'c'], missing: ['b', 'a'], isResumed: true, isByParents: false },
    [],
    [isNotMissing('b'), isNotMissing('a')],
  ],
  [
    'that finds every key of a complete list sends only its completion',
    { met: ['a', 'b'], isByParents: false },
    [],
    [],
  ],
  [
    'that finds all missing keys in a complete list clears their marks',
    { met: ['a', 'b'], missing: ['b'], isByParents: false },
    [],
    [isNotMissing('b')],
  ],
  [
    'of a partially read stream deletes nothing',
    { proof: { proof: 'none' }, unmet: ['a'], isByParents: false },
    [],
    [],
  ],
  [
    'deletes exactly the keys that a lookup does not find',
    { proof: lookUp, met: ['a'], unmet: ['b', 'c'], there: ['c'] },
    ['b'],
    [isVisited],
  ],
];
for (const [name, given, tombstones, notes] of cases) {
  test(`a run ${name}`, async () => {
    const sent = await deletes(given);
    assert.equal(sent.failure, undefined);
    assert.deepEqual(
      [...sent.tombstones].sort(byKey),
      tombstones.map((key) => ({ key, value: null })),
    );
    const last = sent.checkpoints.at(-1);
    assert.ok(last !== undefined && isComplete(last));
    const before = sent.checkpoints.slice(0, -1);
    assert.deepEqual(before.sort(byKey), [...notes].sort(byKey));
    // Checkpoint messages about a delete must not be visible before its tombstone.
    assert.deepEqual(
      sent.commits.map((batches) => batches.map((batch) => batch.topic)),
      [...(tombstones.length > 0 ? [[topic]] : []), [checkpoints]],
    );
    assert.deepEqual(
      { deleted: sent.counts.deleted, messages: sent.counts.messages },
      { deleted: tombstones.length, messages: tombstones.length },
    );
    for (const key of [...(given.met ?? []), ...(given.unmet ?? [])])
      assert.equal(sent.keys.has(key), !tombstones.includes(key));
    const isLookedUp = given.proof?.proof === 'look-up';
    assert.equal(sent.requests.length, isLookedUp ? (given.unmet?.length ?? 0) : 0);
  });
}

const many = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}${index}`);

test('a run that misses too many keys sends no deletes unless mass deletes are allowed', async () => {
  const given = { proof: lookUp, met: many(89, 'met'), unmet: many(11, 'unmet') };
  const refused = await deletes({ ...given, isMassDeleteAllowed: false });
  assert.ok(refused.failure instanceof MassDeleteError);
  assert.deepEqual(
    { commits: refused.commits, requests: refused.requests, deleted: refused.counts.deleted },
    { commits: [], requests: [], deleted: 0 },
  );
  assert.equal(refused.keys.size, 100);
  const believed = await deletes(given);
  assert.deepEqual(
    { failure: believed.failure, tombstones: believed.tombstones.length },
    { failure: undefined, tombstones: 11 },
  );
  const few = { ...given, met: many(90, 'met'), unmet: many(10, 'unmet') };
  assert.equal((await deletes({ ...few, isMassDeleteAllowed: false })).tombstones.length, 10);
});

test('the limit ignores keys missed for the first time and counts keys missed twice', async () => {
  const given = { met: ['a'], unmet: ['b', 'c'], isMassDeleteAllowed: false };
  const first = await deletes(given);
  assert.deepEqual(
    { failure: first.failure, tombstones: first.tombstones },
    { failure: undefined, tombstones: [] },
  );
  const { failure, tombstones } = await deletes({ ...given, missing: ['b', 'c'] });
  assert.ok(failure instanceof MassDeleteError);
  assert.deepEqual(tombstones, []);
});

test('tombstones are committed in transactions of 5,000 before the run is completed', async () => {
  const sent = await deletes({ unmet: many(10_001, 'k'), isParentGone: true });
  const sizes = sent.commits.map((batches) => batches.map(({ messages }) => messages.length));
  assert.deepEqual(sizes, [[5_000], [5_000], [1], [1]]);
  assert.deepEqual(
    { tombstones: new Set(sent.tombstones.map(({ key }) => key)).size, keys: sent.keys.size },
    { tombstones: 10_001, keys: 0 },
  );
});

for (const [failing, deleted] of [
  [1, 0],
  [2, 5_000],
  [3, 5_001],
] as const) {
  test(`only committed deletes count when commit ${failing} of 3 fails, and the run is incomplete`, async () => {
    const sent = await deletes({ unmet: many(5_001, 'k'), isParentGone: true, failing });
    assert.ok(sent.failure instanceof ServiceUnavailableError);
    assert.deepEqual(
      { tombstones: sent.tombstones.length, deleted: sent.counts.deleted },
      { tombstones: deleted, deleted },
    );
    assert.deepEqual(
      { keys: sent.keys.size, checkpoints: sent.checkpoints },
      { keys: 5_001 - deleted, checkpoints: [] },
    );
  });
}
