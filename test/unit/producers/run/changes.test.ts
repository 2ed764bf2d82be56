import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../../../core/json.ts';
import { ownMessageLimit } from '../../../../core/kafka/message-limits.ts';
import { ChildTable } from '../../../../producers/state/child-table.ts';
import { KeyTable } from '../../../../producers/state/key-table.ts';
import { sourceList, type Page } from '../../../../producers/chartmogul/source-list.ts';
import { streams } from '../../../../producers/chartmogul/streams.ts';
import type { Message } from '../../../../producers/encode/message.ts';
import { hashIn } from '../../../../producers/state/read-back.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import { StreamEncoder } from '../../../../producers/run/stream-encoder.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';
import { entriesOf } from '../../../helpers/stream-encoding.ts';

const spec = streams.find(({ name }) => name === 'plans');

/** Versions of a record, as the source returns them and as a reader of the topic sees them. */
const versions: readonly (readonly [source: JsonObject, read: Readonly<Record<string, unknown>>])[] = [
  [{}, {}],
  [{ name: 'Gold' }, { name: 'Gold' }],
  [
    { name: 'Silver', interval_count: 1 },
    { name: 'Silver', interval_count: 1n },
  ],
  [{ interval_count: '1' }, { interval_count: 1n }],
  [{ interval_count: 'often' }, { interval_count__v_string: 'often' }],
  [{ vat: 19 }, { vat: 19n }],
  [
    { 'vat-id': 'DE1', name: '' },
    { vat_id: 'DE1', name: '' },
  ],
  [{ tags: ['a', { b: 1 }] }, { tags: '["a",{"b":1}]' }],
];

/** The index in `versions` of each key's record. */
type Account = ReadonlyMap<string, number>;

interface Run {
  readonly account: Account;
  readonly pageRows: number;
  readonly isFull: boolean;
}

/** A topic that is never compacted, with its registry. */
interface Topic {
  readonly registry: FakeRegistry;
  readonly log: Message[];
}

/** Returns the final state for a reader of the topic. */
function readerOf({ registry, log }: Topic): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  for (const { key, value } of log) {
    if (value === null) rows.delete(key);
    else rows.set(key, registry.read(value));
  }
  return rows;
}

function tableOf(log: readonly Message[]): KeyTable {
  const keys = new KeyTable();
  for (const { key, value, headers } of log) {
    if (value === null) keys.delete(key);
    else keys.set(key, hashIn(headers && { ...headers }));
  }
  return keys;
}

async function* pagesOf({ account, pageRows }: Run): AsyncGenerator<Page> {
  assert.ok(spec !== undefined);
  const list = sourceList(spec, spec.paths[0]);
  const records = [...account].map(([uuid, version]) => ({ uuid, ...versions[version]?.[0] }));
  for (let first = 0; first <= records.length; first += pageRows) {
    yield await Promise.resolve({
      kind: 'page',
      list,
      number: first / pageRows + 1,
      entries: entriesOf(records.slice(first, first + pageRows)),
      next: undefined,
    });
  }
}

/**
 * Runs once: sends new and changed records, or all records in a full run, and a tombstone for each
 * missing key.
 */
async function produce(topic: Topic, run: Run): Promise<readonly Message[]> {
  assert.ok(spec !== undefined);
  const keys = tableOf(topic.log);
  const live = [...readerOf(topic).keys()];
  const encoder = new StreamEncoder({
    registry: topic.registry,
    topicPrefix: 'test.',
    spec,
    mode: 'evolve',
    isFull: run.isFull,
    keys,
    children: new ChildTable(),
    deadLetters: new KeyTable(),
    discarded: new KeyTable(),
    counts: new StreamCounts('plans', 'test.plans'),
    messageLimit: ownMessageLimit,
  });
  await encoder.begin();
  const sent: Message[] = [];
  for await (const event of encoder.encode(pagesOf(run))) {
    assert.ok(event.kind === 'page');
    assert.deepEqual(event.deadLetters, []);
    sent.push(...event.messages);
  }
  const vanished = live.filter((key) => !keys.isSeen(key));
  assert.equal(keys.unseen, vanished.length);
  sent.push(...vanished.map((key) => ({ key, value: null })));
  topic.log.push(...sent);
  return sent;
}

const anyAccount: fc.Arbitrary<Account> = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e|f', ''), fc.nat(versions.length - 1)), {
    selector: ([key]) => key,
  })
  .map((entries) => new Map(entries));
const anyRun: fc.Arbitrary<Run> = fc.record({
  account: anyAccount,
  pageRows: fc.integer({ min: 1, max: 3 }),
  isFull: fc.boolean(),
});

test('a reader of the topic sees the account as of the last run, and no extra messages are sent', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRun, { minLength: 1, maxLength: 6 }), async (runs) => {
      const topic: Topic = { registry: new FakeRegistry(), log: [] };
      let before: Account = new Map();
      for (const run of runs) {
        const { account, isFull } = run;
        const sent = await produce(topic, run);
        const rows = [...account].map(([uuid, at]) => [uuid, { uuid, ...versions[at]?.[1] }] as const);
        assert.deepEqual(readerOf(topic), new Map(rows));
        const isDue = (key: string) => before.get(key) !== account.get(key) || (isFull && account.has(key));
        const due = [...new Set([...before.keys(), ...account.keys()])].filter(isDue);
        assert.deepEqual(sent.map(({ key }) => key).sort(), due.sort());
        before = account;
        const { length } = topic.registry.registered;
        assert.deepEqual(await produce(topic, { ...run, isFull: false, pageRows: 2 }), []);
        assert.equal(topic.registry.registered.length, length);
      }
    }),
    { numRuns: 60 },
  );
});
