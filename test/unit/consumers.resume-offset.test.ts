import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { resumeOffset, type PartitionLog, type PartitionRows } from '../../consumers/resume-offset.ts';

interface Message {
  readonly offset: bigint;
  readonly timeMs: bigint;
}

function logOf(messages: readonly Message[], end: bigint, start = 0n): PartitionLog {
  return {
    start,
    end,
    firstOffsetSince: (timeMs) =>
      Promise.resolve(messages.find((message) => message.timeMs >= timeMs)?.offset ?? end),
  };
}

function rowsOf(messages: readonly Message[]): PartitionRows | undefined {
  const [first] = messages;
  if (first === undefined) return undefined;
  const version = ({ offset, timeMs }: Message) => (timeMs << 64n) | offset;
  return {
    newest: messages.reduce((a, b) => (version(b) > version(a) ? b : a), first),
    highest: messages.reduce((a, b) => (b.offset >= a.offset ? b : a), first),
  };
}

const at = (offset: number, timeMs: number): Message => ({ offset: BigInt(offset), timeMs: BigInt(timeMs) });
const line = (count: number, timeMs: number) =>
  Array.from({ length: count }, (_, index) => at(index, timeMs + index));

const cases: readonly (readonly [string, PartitionRows | undefined, PartitionLog, bigint])[] = [
  ['an empty table is filled from the start', undefined, logOf(line(3, 100), 3n), 0n],
  ['an empty table is filled from where retention begins', undefined, logOf(line(3, 100), 9n, 6n), 6n],
  ['a table goes on behind its highest offset', rowsOf(line(3, 100)), logOf(line(5, 100), 5n), 3n],
  ['a table that has all has nothing to do', rowsOf(line(5, 100)), logOf(line(5, 100), 5n), 5n],
  [
    'a log that lost what was not read goes on where it begins',
    rowsOf(line(3, 100)),
    logOf([at(8, 200)], 9n, 8n),
    8n,
  ],
  [
    'what compaction took from the log changes nothing',
    rowsOf(line(5, 100)),
    logOf([at(3, 103), at(6, 106)], 7n),
    5n,
  ],
  [
    'a log of which nothing older is left goes on behind the rows',
    rowsOf(line(5, 100)),
    logOf([at(6, 106)], 7n),
    5n,
  ],
  ['a shorter log is a new one', rowsOf(line(5, 100)), logOf(line(2, 900), 2n), 0n],
  [
    'a longer log whose first message is later is a new one',
    rowsOf(line(5, 100)),
    logOf(line(9, 900), 9n),
    0n,
  ],
  [
    'a new log is gone on with behind its own rows',
    rowsOf([...line(5, 100), ...line(2, 900)]),
    logOf(line(4, 900), 4n),
    2n,
  ],
  [
    'so is one that is longer than the old one by now',
    rowsOf([...line(5, 100), ...line(2, 900)]),
    logOf(line(9, 900), 9n),
    2n,
  ],
  [
    'and one that has as many rows as the old one',
    rowsOf([...line(3, 100), ...line(3, 900)]),
    logOf(line(4, 900), 4n),
    3n,
  ],
  ['a third log is new again', rowsOf([...line(5, 100), ...line(2, 500)]), logOf(line(9, 900), 9n), 0n],
  [
    'times that do not rise with the offsets do not make a log new',
    rowsOf([at(0, 100), at(1, 300), at(2, 200)]),
    logOf([at(0, 100), at(1, 300), at(2, 200), at(3, 310)], 4n),
    3n,
  ],
];
for (const [name, rows, log, expected] of cases) {
  test(name, async () => assert.equal(await resumeOffset(rows, log), expected));
}

/** What may happen to a partition and its table. */
const event = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('produce' as const), key: fc.nat(5) }) },
  // Inserts up to so many messages behind the resume offset; the next begins anew, as after a crash.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('sink' as const), count: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('merge' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('make again' as const) }) },
);

test('whatever happens to topic, table and sink, no message is missed and none is sunk twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      interface Keyed extends Message {
        readonly key: number;
        readonly life: number;
      }
      let [log, rows, end, timeMs, life]: [Keyed[], Keyed[], bigint, bigint, number] = [[], [], 0n, 1n, 0];
      const sunk = new Set<string>();
      const sink = async (count: number) => {
        const offset = await resumeOffset(rowsOf(rows), logOf(log, end));
        for (const message of log.filter((candidate) => candidate.offset >= offset).slice(0, count)) {
          const id = `${message.life}/${message.offset}`;
          assert.ok(!sunk.has(id), `${id} is sunk twice`);
          sunk.add(id);
          rows.push(message);
        }
      };
      for (const happening of events) {
        timeMs += 1n;
        if (happening.kind === 'produce') log.push({ key: happening.key, offset: end++, timeMs, life });
        if (happening.kind === 'sink') await sink(happening.count);
        if (happening.kind === 'compact') log = latestOf(log);
        if (happening.kind === 'merge') rows = latestOf(rows);
        if (happening.kind === 'make again') [log, end, life] = [[], 0n, life + 1];
      }
      await sink(Infinity);
      for (const { life: of, offset } of log) assert.ok(sunk.has(`${of}/${offset}`), `${offset} is missed`);
    }),
    { numRuns: 3_000 },
  );
});

/** The newest of each key, as compaction and merges leave them. */
function latestOf<T extends Message & { readonly key: number }>(messages: readonly T[]): T[] {
  const latest = new Map<number, T>();
  for (const message of messages) {
    const known = latest.get(message.key);
    if (known === undefined || message.timeMs >= known.timeMs) latest.set(message.key, message);
  }
  return messages.filter((message) => latest.get(message.key) === message);
}
