import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { resumeOffset, type PartitionLog } from '../../../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../../../consumers/table/partition-rows.ts';

/** A topic with broker times on a broker without topic ids. */
const byTime = { topicId: 0n, times: 'broker' } as const;

interface Message {
  readonly offset: bigint;
  readonly timeMs: bigint;
}

function logOf(
  messages: readonly Message[],
  end: bigint,
  start = 0n,
  { topicId, times }: { readonly topicId: bigint; readonly times: 'broker' | 'producer' } = byTime,
): PartitionLog {
  return {
    topicId,
    hasBrokerTimes: () => Promise.resolve(times === 'broker'),
    start,
    end,
    firstOffsetSince: (timeMs) =>
      Promise.resolve(messages.find((message) => message.timeMs >= timeMs)?.offset ?? end),
  };
}

function rowsOf(messages: readonly Message[], topicId = 0n): TableRows {
  const [first] = messages;
  if (first === undefined) return [];
  const version = ({ offset, timeMs }: Message) => (timeMs << 64n) | offset;
  const rows = {
    partition: 0,
    topicId,
    newest: messages.reduce((a, b) => (version(b) > version(a) ? b : a), first),
    highest: messages.reduce((a, b) => (b.offset >= a.offset ? b : a), first),
  };
  return [rows];
}

const at = (offset: number, timeMs: number): Message => ({ offset: BigInt(offset), timeMs: BigInt(timeMs) });
const line = (count: number, timeMs: number) =>
  Array.from({ length: count }, (_, index) => at(index, timeMs + index));

const cases: readonly (readonly [string, TableRows, PartitionLog, bigint])[] = [
  ['an empty table is filled from the start', [], logOf(line(3, 100), 3n), 0n],
  ['an empty table is filled from the first retained message', [], logOf(line(3, 100), 9n, 6n), 6n],
  ['a table resumes after its highest offset', rowsOf(line(3, 100)), logOf(line(5, 100), 5n), 3n],
  ['a complete table resumes at the end of the log', rowsOf(line(5, 100)), logOf(line(5, 100), 5n), 5n],
  [
    'a table resumes at the start of a log that has lost unread messages',
    rowsOf(line(3, 100)),
    logOf([at(8, 200)], 9n, 8n),
    8n,
  ],
  [
    'compaction does not change the resume offset',
    rowsOf(line(5, 100)),
    logOf([at(3, 103), at(6, 106)], 7n),
    5n,
  ],
  [
    'a table resumes after its rows when the log has none of their messages',
    rowsOf(line(5, 100)),
    logOf([at(6, 106)], 7n),
    5n,
  ],
  ['a shorter log belongs to a recreated topic', rowsOf(line(5, 100)), logOf(line(2, 900), 2n), 0n],
  [
    'a longer log with a later first message belongs to a recreated topic',
    rowsOf(line(5, 100)),
    logOf(line(9, 900), 9n),
    0n,
  ],
  [
    'a recreated topic resumes after its own rows',
    rowsOf([...line(5, 100), ...line(2, 900)]),
    logOf(line(4, 900), 4n),
    2n,
  ],
  [
    'a recreated topic that is longer than the old one resumes after its own rows',
    rowsOf([...line(5, 100), ...line(2, 900)]),
    logOf(line(9, 900), 9n),
    2n,
  ],
  [
    'a recreated topic with as many rows as the old one resumes after its own rows',
    rowsOf([...line(3, 100), ...line(3, 900)]),
    logOf(line(4, 900), 4n),
    3n,
  ],
  [
    'a topic that was recreated twice is read from offset 0',
    rowsOf([...line(5, 100), ...line(2, 500)]),
    logOf(line(9, 900), 9n),
    0n,
  ],
  [
    'times out of order do not indicate a recreated topic',
    rowsOf([at(0, 100), at(1, 300), at(2, 200)]),
    logOf([at(0, 100), at(1, 300), at(2, 200), at(3, 310)], 4n),
    3n,
  ],
];
for (const [name, rows, log, expected] of cases) {
  test(name, async () => assert.equal(await resumeOffset(rows, 0, log), expected));
}

const A = 0xan;
const B = 0xbn;
const byId = { topicId: B, times: 'producer' } as const;
const withId = (count: number, timeMs = 100, start = 0n) =>
  logOf(line(count, timeMs), BigInt(count), start, byId);
const inPartition = (rows: TableRows, partition: number) => rows.map((row) => ({ ...row, partition }));

const casesById: readonly (readonly [string, TableRows, PartitionLog, bigint])[] = [
  ['rows of the topic are used whatever their times', rowsOf([at(0, 900), at(1, 100)], B), withId(5), 2n],
  ['rows of a longer former topic are ignored', rowsOf(line(9, 100), A), withId(5), 0n],
  ['rows of a former topic of the same length are ignored', rowsOf(line(5, 100), A), withId(5), 0n],
  ['rows of a shorter former topic are ignored', rowsOf(line(2, 100), A), withId(5), 0n],
  [
    'only rows of the current topic are used if a former topic also has rows',
    [...rowsOf(line(4, 100), A), ...rowsOf(line(2, 50), B)],
    withId(5),
    2n,
  ],
  ['rows of an unknown topic are used', rowsOf([at(0, 900), at(1, 100)]), withId(5), 2n],
  ['rows of an unknown topic beyond the end are ignored', rowsOf(line(6, 100)), withId(5), 0n],
  [
    'rows of an unknown topic are ignored if the table has rows of a former topic',
    [...rowsOf(line(2, 100)), ...inPartition(rowsOf(line(1, 100), A), 7)],
    withId(5),
    0n,
  ],
  [
    'rows of an unknown topic are used if another partition has rows of the topic',
    [...rowsOf(line(2, 100)), ...inPartition(rowsOf(line(1, 100), B), 7)],
    withId(5),
    2n,
  ],
  [
    'rows of an unknown topic are used if they lie beyond the rows of the topic',
    [...rowsOf(line(2, 100), B), ...rowsOf(line(4, 100))],
    withId(5),
    4n,
  ],
  ['deleted messages are skipped', rowsOf(line(2, 100), B), withId(9, 100, 4n), 4n],
  [
    'without ids and with producer times, the highest offset is used',
    rowsOf([at(0, 900), at(1, 100)], A),
    logOf(line(5, 100), 5n, 0n, { topicId: 0n, times: 'producer' }),
    2n,
  ],
  [
    'with broker times, rows without an id are identified by time',
    rowsOf(line(5, 100)),
    logOf(line(9, 900), 9n, 0n, { topicId: B, times: 'broker' }),
    0n,
  ],
];
for (const [name, rows, log, expected] of casesById) {
  test(`resume offset by topic id: ${name}`, async () =>
    assert.equal(await resumeOffset(rows, 0, log), expected));
}

/** Events that can change a partition and its table. */
const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('produce' as const), key: fc.nat(5), time: fc.bigInt(0n, 9n) }),
  },
  // Inserts up to `count` messages from the resume offset. The next insert starts like a sink after
  // a crash.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('sink' as const), count: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('merge' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recreate' as const) }) },
);

const brokerTimes = fc.constant<(time: bigint, nowMs: bigint) => bigint>((_, nowMs) => nowMs);
const producerTimes = fc.constant<(time: bigint, nowMs: bigint) => bigint>((time) => time);

for (const [name, hasIds, timeOf] of [
  ['broker times without topic ids', false, brokerTimes],
  ['producer times with topic ids', true, producerTimes],
] as const)
  test(`${name}: no message is lost or inserted twice when topic, table and sink change`, async () => {
    await fc.assert(
      fc.asyncProperty(timeOf, fc.array(event, { maxLength: 60 }), async (stampOf, events) => {
        interface Keyed extends Message {
          readonly key: number;
          readonly life: number;
        }
        let [log, rows, end, timeMs, life]: [Keyed[], Keyed[], bigint, bigint, number] = [[], [], 0n, 1n, 0];
        const inserted = new Set<string>();
        const sink = async (count: number) => {
          const ids = hasIds ? [...Array(life + 1).keys()] : [0];
          const table = ids.flatMap((id) =>
            rowsOf(
              rows.filter((row) => !hasIds || row.life === id),
              hasIds ? BigInt(id + 1) : 0n,
            ),
          );
          const kind = hasIds ? ({ topicId: BigInt(life + 1), times: 'producer' } as const) : byTime;
          const offset = await resumeOffset(table, 0, logOf(log, end, 0n, kind));
          for (const message of log.filter((candidate) => candidate.offset >= offset).slice(0, count)) {
            const id = `${message.life}/${message.offset}`;
            assert.ok(!inserted.has(id), `${id} is inserted twice`);
            inserted.add(id);
            rows.push(message);
          }
        };
        for (const happening of events) {
          timeMs += 1n;
          if (happening.kind === 'produce')
            log.push({ key: happening.key, offset: end++, timeMs: stampOf(happening.time, timeMs), life });
          if (happening.kind === 'sink') await sink(happening.count);
          if (happening.kind === 'compact') log = latestOf(log);
          // With producer times, a merge may keep an earlier message of a key.
          if (happening.kind === 'merge' && !hasIds) rows = latestOf(rows);
          if (happening.kind === 'recreate') [log, end, life] = [[], 0n, life + 1];
        }
        await sink(Infinity);
        for (const { life: of, offset } of log)
          assert.ok(inserted.has(`${of}/${offset}`), `${offset} is missing`);
      }),
      { numRuns: 3_000 },
    );
  });

/** Returns the newest message of each key, which compaction and merges keep. */
function latestOf<T extends Message & { readonly key: number }>(messages: readonly T[]): T[] {
  const latest = new Map<number, T>();
  for (const message of messages) {
    const known = latest.get(message.key);
    if (known === undefined || message.timeMs >= known.timeMs) latest.set(message.key, message);
  }
  return messages.filter((message) => latest.get(message.key) === message);
}
