import assert from 'node:assert/strict';
import test from 'node:test';
import type { RunLine } from '../../../../dashboard/api/runs.ts';
import { chartOf, metricOf, metrics } from '../../../../dashboard/pages/runs/run-chart.ts';

function runAt(hour: number, seconds: number): RunLine {
  const counts = { pages: 0, requests: hour, retries: 2, rateLimited: 1, records: 9, new: hour, changed: 1 };
  return {
    run: `run-${hour}`,
    outcome: 'done',
    recordedAtMs: 0,
    startedAtMs: new Date(2026, 0, 2, hour).getTime(),
    finishedAtMs: null,
    seconds,
    streams: 1,
    failed: [],
    massDeletes: [],
    newFields: 0,
    counts: {
      ...counts,
      unchanged: 7,
      deleted: 3,
      deadLettered: 0,
      discarded: 0,
      denied: 0,
      messages: 0,
      bytes: 0,
    },
  };
}

const newestFirst = [runAt(5, 90), runAt(3, 30)];

test('chartOf draws the oldest run first and labels each run with its start time', () => {
  const chart = chartOf(newestFirst, metricOf('records'));
  assert.deepEqual(
    chart.series.map(({ name, values }) => [name, values]),
    [
      ['New', [3, 5]],
      ['Changed', [1, 1]],
      ['Deleted', [3, 3]],
    ],
  );
  assert.match(chart.xText(0), /^Jan 2( 2026)? 03:00$/);
  assert.match(chart.xText(1), /^Jan 2( 2026)? 05:00$/);
  assert.equal(chart.xText(2), '');
});

test('chartOf formats durations', () => {
  const chart = chartOf(newestFirst, metricOf('seconds'));
  assert.equal(chart.valueText(90), '1m 30s');
});

test('metricOf returns the default metric for an unknown name', () => {
  assert.equal(metricOf('toString'), metrics[0]);
  assert.equal(metricOf('retries').series[1]?.of(runAt(1, 1)), 1);
});
