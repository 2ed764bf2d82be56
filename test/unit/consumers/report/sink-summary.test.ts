import assert from 'node:assert/strict';
import test from 'node:test';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { sinkSummary } from '../../../../consumers/report/sink-summary.ts';

const counted = (stream: string, rows: number, reason?: string): SinkCounts => {
  const failure = reason === undefined ? undefined : new Error(reason);
  return Object.assign(new SinkCounts(stream, `${stream}_raw`), { rows, failure });
};

test('sinkSummary shows a failure reason once, with the streams that share it', () => {
  const lines = sinkSummary([
    counted('a', 1),
    counted('b', 0, 'no table'),
    counted('c', 0, 'no table'),
  ]).split('\n');
  assert.equal(lines.length, 5);
  assert.equal(lines.at(-1), 'b, c failed: no table');
});

test('sinkSummary shows only the failure reason if all streams share it and none has rows', () => {
  const counts = [counted('a', 0, 'access denied'), counted('b', 0, 'access denied')];
  assert.equal(sinkSummary(counts), 'every stream failed: access denied');
  assert.match(sinkSummary([counted('a', 1, 'access denied'), counted('b', 0, 'access denied')]), /a_raw/);
});

test('sinkSummary has a line for every stream and every failure', () => {
  const counts = { batches: 2, rows: 1234, insertSeconds: 0.04 };
  const plans = Object.assign(new SinkCounts('plans', 'plans_raw'), counts);
  const tasks = Object.assign(counted('tasks', 1234, 'refused'), counts);
  const lines = sinkSummary([plans, tasks]).split('\n');
  assert.match(lines[1] ?? '', /^plans +plans_raw +1,234 +2 +0 +ok$/);
  assert.match(lines[2] ?? '', /^tasks .* failed$/);
  assert.equal(lines[3], 'tasks failed: refused');
});

test('sinkSummary reports dead letters if there are any', () => {
  const plans = Object.assign(new SinkCounts('plans', 'plans_raw'), { deadLetters: 3 });
  const lines = sinkSummary([plans]).split('\n');
  assert.match(lines[1] ?? '', /^plans +plans_raw +0 +0 +0 +3 +ok$/);
  assert.match(lines[2] ?? '', /^dead: /);
});
