import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import {
  compareBuckets,
  findDifferences,
  findHiddenStrays,
  type Difference,
  type Sides,
} from '../../operations/reconcile/find-differences.ts';
import { keyPartsSql } from '../../consumers/table/key-sql.ts';
import type { Connections } from '../../core/connections.ts';
import { stringType } from '../../consumers/column/column-type.ts';
import { SideTable } from '../../operations/reconcile/side-table.ts';
import { Registry } from '../../core/avro/registry.ts';
import { qualified, quoted } from '../../core/clickhouse/client.ts';
import { Database } from '../../core/clickhouse/database.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';

/** A message or row. By default it is in partition 0, and its time is ten times its offset. */
interface Sent {
  readonly offset: number;
  readonly timeMs?: number;
  readonly partition?: number;
  readonly isDeleted?: true;
  readonly isRejected?: true;
  /** Set if its version does not match its position. */
  readonly isByHand?: true;
}

type Case = readonly [
  name: string,
  messages: readonly Sent[],
  rows: readonly Sent[],
  kind: string | undefined,
];

/**
 * The topic is compared from offset 10 to 100 in partition 0, and ends at 110 once the table has
 * been read.
 */
const START = 10;
const END = 100;
const END_NOW = 110;
/** The time of the topic's first message: rows with an earlier time belong to a former topic. */
const SINCE_MS = 200;

const cases: readonly Case[] = [
  ['the same position', [{ offset: 20 }], [{ offset: 20 }], undefined],
  ['the last of several messages', [{ offset: 20 }, { offset: 30 }], [{ offset: 30 }], undefined],
  ['no row', [{ offset: 20 }], [], 'missing'],
  ['an earlier row', [{ offset: 20 }, { offset: 30 }], [{ offset: 20 }], 'older'],
  ['a later row', [{ offset: 20 }], [{ offset: 20 }, { offset: 30 }], 'other'],
  ['a row in another partition', [{ offset: 20 }], [{ offset: 20, partition: 1 }], 'other'],
  ['no message', [], [{ offset: 20 }], 'stray'],
  ['both deleted', [{ offset: 30, isDeleted: true }], [{ offset: 20, isDeleted: true }], undefined],
  ['only the message deleted', [{ offset: 30, isDeleted: true }], [{ offset: 20 }], 'stray'],
  ['only the row deleted', [{ offset: 20 }], [{ offset: 20 }, { offset: 30, isDeleted: true }], 'missing'],
  ['deleted without a row', [{ offset: 30, isDeleted: true }], [], undefined],
  ['a deleted row alone', [], [{ offset: 30, isDeleted: true }], undefined],
  ['a row added during the comparison', [{ offset: 20 }], [{ offset: 20 }, { offset: 105 }], undefined],
  ['a key added during the comparison', [], [{ offset: 100 }], undefined],
  ['a delete added during the comparison', [{ offset: 20 }], [{ offset: 105, isDeleted: true }], undefined],
  ['a row at the last offset before the end', [], [{ offset: 99 }], 'stray'],
  ['a row beyond the current end', [], [{ offset: 110 }], 'stray'],
  ['a row in a partition that does not exist', [], [{ offset: 105, partition: 9 }], 'stray'],
  ['a row before the first retained message', [], [{ offset: 9 }], undefined],
  ['a row at the first retained message', [], [{ offset: 10 }], 'stray'],
  ['a row older than the retained message', [{ offset: 20 }], [{ offset: 9 }], 'older'],
  ['a rejected message', [{ offset: 20, isRejected: true }], [], undefined],
  ['a row of a rejected message', [{ offset: 20, isRejected: true }], [{ offset: 30 }], 'stray'],
  ['the row before a rejected message', [{ offset: 30, isRejected: true }], [{ offset: 20 }], undefined],
  [
    'a rejected message after one without a row',
    [{ offset: 20 }, { offset: 30, isRejected: true }],
    [],
    'missing',
  ],
  [
    'a rejected message in between',
    [{ offset: 20 }, { offset: 30, isRejected: true }, { offset: 40 }],
    [{ offset: 40 }],
    undefined,
  ],
  [
    'a rejected message after a delete that the table lacks',
    [
      { offset: 25, isDeleted: true },
      { offset: 30, isRejected: true },
    ],
    [{ offset: 20 }],
    'stray',
  ],
  [
    'an earlier row beyond the current end',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: 120, timeMs: 300 }],
    'stray',
  ],
  [
    'an earlier row at the current end',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: 110, timeMs: 300 }],
    'stray',
  ],
  [
    'an earlier row before the current end',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: 109, timeMs: 300 }],
    undefined,
  ],
  ['a row at a negative offset', [], [{ offset: -5, timeMs: 300 }], 'stray'],
  [
    'an earlier row at a negative offset',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: -5, timeMs: 300 }],
    'stray',
  ],
  [
    'an earlier row as old as the topic',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: 120, timeMs: 200 }],
    'stray',
  ],
  [
    'an earlier row from a former topic',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: 120, timeMs: 199 }],
    undefined,
  ],
  [
    'an earlier row in a partition that does not exist',
    [{ offset: 50 }],
    [{ offset: 50 }, { offset: 0, partition: 9, timeMs: 300 }],
    'stray',
  ],
  ['a deleted row beyond the current end', [], [{ offset: 120, isDeleted: true }], 'stray'],
  [
    'a deleted row of a deleted key beyond the current end',
    [{ offset: 50, isDeleted: true }],
    [{ offset: 120, isDeleted: true }],
    'stray',
  ],
  ['several rows beyond the current end', [], [{ offset: 120 }, { offset: 130 }], 'stray'],
  [
    'an older row and a row beyond the current end',
    [{ offset: 50 }, { offset: 60 }],
    [{ offset: 50 }, { offset: 120, timeMs: 300 }],
    'older',
  ],
];

async function createServices(t: TestContext): Promise<Connections> {
  const settings = createSettings(t);
  const database = await Database.connect(settings.clickhouse, noSignal);
  const admin = await connectAdmin(settings);
  t.after(() => Promise.all([database.close(), admin.close()]));
  const registry = new Registry(settings.schemaRegistry, noSignal);
  return { settings, admin, registry, database, signal: noSignal };
}

const columns =
  'uuid String, _version UInt128, _deleted UInt8, _partition Int32, _offset Int64, ' +
  "_timestamp DateTime64(3, 'UTC'), _schema_id Int32";

function valuesOf(
  key: string,
  { offset, timeMs = offset * 10, partition = 0, isDeleted, isByHand }: Sent,
): string {
  const version = `bitShiftLeft(toUInt128(${timeMs}), 64) + ${offset + (isByHand ? 1 : 0)}`;
  return `('${key}', ${version}, ${isDeleted ? 1 : 0}, ${partition}, ${offset}, fromUnixTimestamp64Milli(${timeMs}), 1)`;
}

/** Encodes a string of fewer than 128 bytes. */
const rowBinaryText = (text: string) => Buffer.from([Buffer.byteLength(text), ...Buffer.from(text)]);

/** Stores the cases, each with its own key. Returns a function that compares them. */
async function findIn(t: TestContext, some: readonly Case[]) {
  const services = await createServices(t);
  const { settings } = services;
  const { database } = settings.clickhouse;
  const table = qualified(database, 'plans_raw');
  await command(
    settings,
    `CREATE DATABASE ${quoted(database)}`,
    `CREATE TABLE ${table} (${columns}) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY uuid`,
  );
  const side = await SideTable.create(services, 'plans', [
    { name: 'uuid', type: stringType, typeText: 'String' },
  ]);
  const rows: string[] = [];
  for (const [name, messages, stored] of some) {
    for (const { offset, partition = 0, isDeleted = false, isRejected = false } of messages)
      side.add(rowBinaryText(name), partition, offset, offset * 10, { isDeleted, isRejected });
    rows.push(...stored.map((row) => valuesOf(name, row)));
  }
  await side.insert();
  await command(settings, `INSERT INTO ${table} SETTINGS optimize_on_insert = 0 VALUES ${rows.join(', ')}`);
  const sides: Sides = {
    table,
    side: side.qualified,
    keyParts: keyPartsSql(['uuid']),
    extents: new Map([[0, { start: BigInt(START), end: BigInt(END) }]]),
    sinceMs: BigInt(SINCE_MS),
    mayLackMessages: false,
    isByKey: true,
  };
  return async (change: Partial<Sides> = {}) => {
    const looked = { ...sides, ...change };
    const found = new Map<string, string>();
    const add = ({ key, kind }: Difference) => {
      assert.ok(!found.has(key), `${key} is reported twice`);
      found.set(key, kind);
    };
    const readEnds = () => Promise.resolve(new Map([[0, BigInt(END_NOW)]]));
    const { keys, buckets, differing } = await compareBuckets(services, looked);
    for (const chunk of differing)
      for await (const difference of findDifferences(services, looked, buckets, chunk, readEnds))
        add(difference);
    // The end of the topic moves between the two reads.
    const ends = [END, END_NOW];
    const readEndsAgain = () => Promise.resolve(new Map([[0, BigInt(ends.shift() ?? END_NOW)]]));
    for await (const difference of findHiddenStrays(services, looked, readEndsAgain)) add(difference);
    return { keys, found };
  };
}

test('the comparison reports exactly the keys that differ, with the kind of each difference', async (t) => {
  const look = await findIn(t, cases);
  const { keys, found } = await look();
  const wanted = new Map(
    cases.flatMap(([name, , , kind]) => (kind === undefined ? [] : [[name, kind] as const])),
  );
  assert.deepEqual(found, wanted);
  const live = cases.filter(([, messages]) => {
    const last = messages.filter(({ isRejected }) => isRejected !== true).at(-1);
    return last !== undefined && last.isDeleted !== true;
  });
  assert.equal(keys, live.length);
  const hasMessage = new Set(
    cases.flatMap(([name, messages]) => (messages.some((message) => !message.isRejected) ? [name] : [])),
  );
  const isForeign = ({ offset, timeMs = offset * 10, partition = 0 }: Sent) =>
    timeMs >= SINCE_MS && (offset < 0 || offset >= (partition === 0 ? END_NOW : 0));
  const hasForeign = new Set(cases.flatMap(([name, , rows]) => (rows.some(isForeign) ? [name] : [])));
  const lacking = await look({ mayLackMessages: true });
  assert.deepEqual(
    lacking.found,
    new Map([...wanted].filter(([name]) => hasMessage.has(name) || hasForeign.has(name))),
  );
  // If message keys differ from the primary key, only a message later than the row, or a row beyond
  // the end of the topic, proves a difference.
  const versionIn = ({ offset, timeMs = offset * 10 }: Sent) => (BigInt(timeMs) << 64n) + BigInt(offset);
  const latest = (messages: readonly Sent[]) =>
    messages.reduce((last, one) => (versionIn(one) > last ? versionIn(one) : last), 0n);
  const isLater = new Set(
    cases.flatMap(([name, messages, rows]) =>
      latest(messages.filter(({ isRejected }) => !isRejected)) > latest(rows) ? [name] : [],
    ),
  );
  const { found: notByKey } = await look({ isByKey: false });
  assert.deepEqual(
    notByKey,
    new Map([...wanted].filter(([name]) => isLater.has(name) || hasForeign.has(name))),
  );
  // Without comparable times, an earlier row beyond the end is not reported.
  const { found: timeless } = await look({ sinceMs: undefined });
  assert.equal(timeless.get('an earlier row beyond the current end'), undefined);
  assert.equal(timeless.get('a row beyond the current end'), 'stray');
});

// Each case runs alone, because any other difference in its bucket would also cause its key to be
// compared.
for (const one of [
  ['the version', [{ offset: 20 }], [{ offset: 20, isByHand: true }], 'other'],
  ['the partition', [{ offset: 20 }], [{ offset: 20, partition: 1 }], 'other'],
] as const satisfies readonly Case[])
  test(`a difference in ${one[0]} alone changes the sums of its bucket`, async (t) => {
    const look = await findIn(t, [one]);
    assert.deepEqual((await look()).found, new Map([[one[0], one[3]]]));
  });
