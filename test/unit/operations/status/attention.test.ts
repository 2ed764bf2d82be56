import assert from 'node:assert/strict';
import test from 'node:test';
import { attentionOf, groupProblems } from '../../../../operations/status/attention.ts';
import { problemsOf } from '../../../../operations/status/problems.ts';
import type { Status, StreamStatus } from '../../../../operations/status/stream-status.ts';

const atMs = Date.parse('2026-01-31T12:00:00Z');
const hourMs = 3_600_000;

function stream(name: string, some: Partial<StreamStatus> = {}, isStalled = false): StreamStatus {
  const facts = {
    ...{ stream: name, topic: null, table: null, lag: 0n, checkpoint: null, deadLetters: 0 },
    lastRun: { run: 'r', outcome: 'done', finishedAtMs: atMs - hourMs, failure: undefined } as const,
    ...some,
  };
  return { ...facts, problems: problemsOf(facts, { atMs, maxAgeMs: 24 * hourMs, isStalled }) };
}

function statusOf(streams: readonly StreamStatus[], some: Partial<Status> = {}): Status {
  return { atMs, streams, warnings: [], failures: [], ...some };
}

const run = (outcome: 'done' | 'failed', hours: number, failure?: string) => ({
  lastRun: { run: 'r', outcome, finishedAtMs: atMs - hours * hourMs, failure },
});

test('attentionOf orders failures, failed runs, lag, dead letters, stale streams and warnings', () => {
  const problems = attentionOf(
    statusOf(
      [
        stream('a', { ...run('done', 30), deadLetters: 2 }),
        stream('b', { lag: 3n }, true),
        stream('c', run('failed', 1, 'no answer; check the key')),
      ],
      {
        failures: ['Kafka does not respond; start it'],
        warnings: [{ kind: 'no-table', about: 'topic t', stream: 'a', message: 'no table; run it' }],
      },
    ),
  );
  assert.deepEqual(
    problems.map((problem) => [problem.severity, problem.kind, problem.message, problem.remedy]),
    [
      ['failure', 'service', 'Kafka does not respond', 'start it'],
      ['problem', 'failed', 'the last run of produce failed: no answer', 'check the key'],
      ['problem', 'stalled', 'lag of ~3 messages and no progress', 'check that `npm run sink` is running'],
      ['problem', 'dead-letters', '2 dead letters pending', '`npm run dead-letters -- list --streams a`'],
      [
        'problem',
        'stale',
        'stale: the last run of produce ended 1d ago',
        'check that `npm run produce -- --every 1h` is running',
      ],
      ['warning', 'no-table', 'no table', 'run it'],
    ],
  );
});

test('groupProblems creates one group per cause and adds up amounts', () => {
  const groups = groupProblems(
    attentionOf(
      statusOf(
        [
          stream('a', { ...run('failed', 80, 'no answer'), deadLetters: 2, lag: 1n }, true),
          stream('b', { ...run('failed', 30, 'no answer'), deadLetters: 3, lag: 2n }, true),
          stream('c', run('failed', 1, 'another reason')),
        ],
        {
          warnings: [
            { kind: 'no-table', about: 'topic a', message: 'no table' },
            { kind: 'no-table', about: 'topic b', message: 'no table' },
            { kind: 'no-topic', about: 'table a', message: 'no topic t.a; check it' },
            { kind: 'no-topic', about: 'table b', message: 'no topic t.b; check it' },
          ],
        },
      ),
    ),
  );
  assert.deepEqual(
    groups.map(({ kind, about, message, remedy, problems }) => [
      ...[kind, about.join(), message, remedy, problems.length],
    ]),
    [
      ['failed', 'a,b', 'the last run of produce failed: no answer', undefined, 2],
      ['failed', 'c', 'the last run of produce failed: another reason', undefined, 1],
      ['stalled', 'a,b', 'lag of ~3 messages and no progress', 'check that `npm run sink` is running', 2],
      ['dead-letters', 'a,b', '5 dead letters pending', '`npm run dead-letters -- list`', 2],
      [
        ...['stale', 'a,b', 'stale: the last run of produce ended 3d ago'],
        'check that `npm run produce -- --every 1h` is running',
        2,
      ],
      ['no-table', 'topic a,topic b', 'no table', undefined, 2],
      [
        ...['no-topic', 'table a,table b', '2 tables have no topic, so they cannot be rebuilt', 'check it'],
        2,
      ],
    ],
  );
});
