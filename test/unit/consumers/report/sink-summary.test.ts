import assert from 'node:assert/strict';
import test from 'node:test';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { sinkSummary } from '../../../../consumers/report/sink-summary.ts';

const counted = (stream: string, rows: number, reason?: string): SinkCounts => {
  const failure = reason === undefined ? undefined : new Error(reason);
  return Object.assign(new SinkCounts(stream, `${stream}_raw`), { rows, failure });
};

test('sinkSummary shows a reason of failure once, with the streams that share it', () => {
  const lines = sinkSummary([
    counted('a', 1),
    counted('b', 0, 'no table'),
    counted('c', 0, 'no table'),
  ]).split('\n');
  assert.equal(lines.length, 5);
  assert.equal(lines.at(-1), 'b, c failed: no table');
});

test('sinkSummary shows the reason alone when every stream failed for it before the first row', () => {
  const counts = [counted('a', 0, 'access denied'), counted('b', 0, 'access denied')];
  assert.equal(sinkSummary(counts), 'every stream failed: access denied');
  assert.match(sinkSummary([counted('a', 1, 'access denied'), counted('b', 0, 'access denied')]), /a_raw/);
});
