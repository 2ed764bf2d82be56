import assert from 'node:assert/strict';
import test from 'node:test';
import { MassDeleteError } from '../../../../core/errors.ts';
import { runRecord } from '../../../../producers/report/run-record.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import { streamRunOf, type Outcome, type StreamRun } from '../../../../operations/runs/run-record.ts';
import { summaryOf } from '../../../../operations/runs/run-summary.ts';

const RECORDED_MS = 1_780_000_000_000;

function streamRun(stream: string, change: (counts: StreamCounts) => void = () => {}): StreamRun {
  const counts = new StreamCounts(stream, `chartmogul.${stream}`);
  Object.assign(counts, {
    state: 'done',
    startedAtMs: RECORDED_MS - 60_000,
    seconds: 10,
    new: 2,
    requests: 3,
  });
  change(counts);
  // Avro stores times in milliseconds.
  const record = runRecord('run-1', counts);
  const times = Object.fromEntries(
    ['started_at', 'finished_at'].map((name) => [name, timeOf(record[name] as string | null)]),
  );
  const decoded = streamRunOf({ ...record, ...times }, RECORDED_MS);
  assert.ok(decoded);
  return decoded;
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}

test('summaryOf adds up the counts of the streams and spans their times', () => {
  const later = (counts: StreamCounts) =>
    Object.assign(counts, { startedAtMs: RECORDED_MS - 50_000, seconds: 45 });
  const waiting = (counts: StreamCounts) =>
    Object.assign(counts, { startedAtMs: 0, seconds: 0, state: 'waiting' });
  const runs = [streamRun('plans'), streamRun('customers', later), streamRun('invoices', waiting)];
  const summary = summaryOf('run-1', runs);
  assert.deepEqual(
    [summary.startedAtMs, summary.finishedAtMs, summary.seconds, summary.streams],
    [RECORDED_MS - 60_000, RECORDED_MS - 5_000, 55, 3],
  );
  assert.deepEqual([summary.counts.new, summary.counts.requests, summary.counts.deleted], [6, 9, 0]);
  assert.equal(summary.recordedAtMs, RECORDED_MS);
});

test('summaryOf names failed streams and streams whose mass deletes were stopped', () => {
  const failure = new MassDeleteError('plans: 90 % of the records would be deleted: check the account');
  const failed = streamRun('plans', (counts) => Object.assign(counts, { state: 'failed', failure }));
  assert.equal(failed.failure, failure.message);
  const other = streamRun('contacts', (counts) => Object.assign(counts, { failure: new Error('no answer') }));
  const summary = summaryOf('run-1', [failed, other, streamRun('customers')]);
  assert.deepEqual(
    [summary.outcome, summary.failed, summary.massDeletes],
    ['failed', ['plans', 'contacts'], ['plans']],
  );
});

const worst: readonly (readonly [outcomes: readonly Outcome[], worst: Outcome])[] = [
  [['done', 'absent'], 'done'],
  [['absent'], 'absent'],
  [['done', 'stopped'], 'stopped'],
  [['stopped', 'failed', 'done'], 'failed'],
];
for (const [outcomes, expected] of worst) {
  test(`summaryOf returns ${expected} for ${outcomes.join(', ')}`, () => {
    const runs = outcomes.map((outcome, index) => ({ ...streamRun(`s${index}`), outcome }));
    assert.equal(summaryOf('run-1', runs).outcome, expected);
  });
}

test('streamRunOf fills in fields that a record from an earlier release lacks', () => {
  const run = streamRunOf({ run: 'r', stream: 'plans', outcome: 'done', new: 3 }, RECORDED_MS);
  assert.deepEqual(
    [run?.counts.new, run?.counts.retries, run?.failureCode, run?.newFields, run?.startedAtMs],
    [3, 0, null, [], null],
  );
});

test('streamRunOf rejects a record that is not a run', () => {
  for (const record of [
    {},
    { run: 'r', stream: 'plans', outcome: 'odd' },
    { run: 1, stream: 'a', outcome: 'done' },
  ])
    assert.equal(streamRunOf(record, RECORDED_MS), undefined);
});
