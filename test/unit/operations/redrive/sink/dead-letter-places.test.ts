import assert from 'node:assert/strict';
import test from 'node:test';
import {
  forbiddenDeadLetters,
  notCaughtUp,
  notPassed,
  type PlacesOptions,
} from '../../../../../operations/redrive/sink/dead-letter-places.ts';
import type { PartitionLog } from '../../../../../consumers/stream/resume-offset.ts';
import type { PartitionRows } from '../../../../../consumers/table/partition-rows.ts';
import type { SinkDeadLetter } from '../../../../../core/dead-letters/reader.ts';

const deadLetterAt = (offset: number, timestampMs: number): SinkDeadLetter => ({
  step: 'sink',
  stream: 'plans',
  topic: 'test.plans',
  partition: 0,
  offset,
  timestampMs,
  isDelete: false,
  id: '',
  key: `plans|sink|0|${offset}`,
  code: '',
  reason: '',
  recordKey: undefined,
  rejectedAtMs: 0,
  state: 'waiting',
  redrivenMs: undefined,
  attempts: 0,
  headers: {},
  bytes: 1,
  isTruncated: false,
  originalBytes: 1,
  value: Buffer.of(1),
});

/** Returns a log of messages with these times at consecutive offsets from 0. */
function logOf(times: readonly number[]): PartitionLog {
  return {
    topicId: 0n,
    hasBrokerTimes: () => Promise.resolve(true),
    start: 0n,
    end: BigInt(times.length),
    firstOffsetSince: (timeMs) => {
      const offset = times.findIndex((time) => time >= timeMs);
      return Promise.resolve(BigInt(offset < 0 ? times.length : offset));
    },
  };
}

const at = (offset: number, timeMs: number) => ({ offset: BigInt(offset), timeMs: BigInt(timeMs) });
const place = { partition: 0, topicId: 0n };
const rowsUpTo = (offset: number, timeMs: number): PartitionRows => ({
  ...place,
  newest: at(offset, timeMs),
  highest: at(offset, timeMs),
});

interface Case {
  readonly what: string;
  readonly deadLetter: SinkDeadLetter;
  readonly rows?: PartitionRows;
  readonly times?: readonly number[];
  readonly committed?: number;
  readonly merged?: number;
  /** The first offset, from the resume offset on, whose message is not a dead letter. */
  readonly firstOther?: number;
  readonly why: string | undefined;
}

const now = [10, 20, 30, 40];
const cases: readonly Case[] = [
  {
    what: 'below rows of the table',
    deadLetter: deadLetterAt(1, 20),
    rows: rowsUpTo(3, 40),
    times: now,
    why: undefined,
  },
  {
    what: 'after all rows, preceded only by dead letters',
    deadLetter: deadLetterAt(3, 40),
    rows: rowsUpTo(1, 20),
    times: now,
    committed: 4,
    firstOther: 4,
    why: undefined,
  },
  {
    what: 'after all rows if it was not passed',
    deadLetter: deadLetterAt(3, 40),
    rows: rowsUpTo(2, 30),
    times: now,
    committed: 3,
    firstOther: 4,
    why: notPassed,
  },
  {
    what: 'if it was not passed because nothing is committed',
    deadLetter: deadLetterAt(0, 10),
    times: now,
    committed: -1,
    firstOther: 4,
    why: notPassed,
  },
  {
    what: 'if it was passed before the table was emptied',
    deadLetter: deadLetterAt(3, 40),
    times: now,
    committed: 4,
    firstOther: 0,
    why: notCaughtUp,
  },
  {
    what: 'whose table is being refilled',
    deadLetter: deadLetterAt(3, 40),
    rows: rowsUpTo(0, 10),
    times: now,
    committed: 4,
    firstOther: 2,
    why: notCaughtUp,
  },
  {
    what: 'at the start of the topic, with an empty table',
    deadLetter: deadLetterAt(0, 10),
    times: now,
    committed: 4,
    firstOther: 0,
    why: undefined,
  },
  {
    what: 'of a recreated topic, below rows of the old one',
    deadLetter: deadLetterAt(2, 130),
    rows: rowsUpTo(3, 40),
    times: [110, 120, 130, 140],
    committed: 0,
    why: notPassed,
  },
  {
    what: 'of a deleted topic, above its rows',
    deadLetter: deadLetterAt(9, 40),
    rows: { ...place, newest: at(1, 120), highest: at(8, 35) },
    times: [110, 120],
    committed: 2,
    why: undefined,
  },
  {
    what: 'among messages whose rows were merged away',
    deadLetter: deadLetterAt(2, 30),
    rows: rowsUpTo(0, 10),
    times: now,
    merged: 4,
    firstOther: 1,
    why: undefined,
  },
  {
    what: 'after merged-away messages and a missing row',
    deadLetter: deadLetterAt(3, 40),
    rows: rowsUpTo(0, 10),
    times: now,
    merged: 2,
    firstOther: 2,
    why: notCaughtUp,
  },
  {
    what: 'of a topic that no longer exists',
    deadLetter: deadLetterAt(3, 40),
    rows: rowsUpTo(1, 20),
    why: undefined,
  },
];

for (const { what, deadLetter, rows, times, committed = 4, merged, firstOther = 4, why } of cases) {
  test(`forbiddenDeadLetters ${why === undefined ? 'allows' : 'forbids'} a dead letter ${what}`, async () => {
    const options: PlacesOptions = {
      rows: rows === undefined ? [] : [rows],
      logs: new Map(times === undefined ? [] : [[0, logOf(times)]]),
      committed: new Map([[0, { offset: BigInt(committed), metadata: '' }]]),
      merged: new Map(merged === undefined ? [] : [[0, BigInt(merged)]]),
      firstNotRejected: (gaps) =>
        Promise.resolve(
          new Map(
            [...gaps].map(([partition, { to }]) => {
              const first = BigInt(firstOther);
              return [partition, first < to ? first : to];
            }),
          ),
        ),
    };
    const forbidden = await forbiddenDeadLetters([deadLetter], options);
    assert.equal(forbidden.get(deadLetter), why);
  });
}
