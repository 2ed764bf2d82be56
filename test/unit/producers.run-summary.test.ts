import assert from 'node:assert/strict';
import test from 'node:test';
import { runSummary } from '../../producers/run-summary.ts';
import { createStreamCounts, hasFailed } from '../../producers/stream-counts.ts';

test('a failure that streams share is said once, and new fields are named', () => {
  const failure = new Error('refused');
  const counts = ['customers', 'plans'].map((stream) => ({ ...createStreamCounts(stream, 't'), failure }));
  const learnt = {
    ...createStreamCounts('invoices', 't'),
    newFields: ['line_items.x', 'y'],
    seconds: 1.26,
    records: 1234,
  };
  const lines = runSummary([...counts, learnt]).split('\n');
  assert.match(lines[0] ?? '', /^stream +pages +records +\w+ +rejected +retries +seconds$/);
  assert.match(lines[3] ?? '', /^invoices +0 +1,234 +0 +0 +0 +1\.3\b/);
  assert.deepEqual(lines.slice(4), [
    'invoices has new fields: line_items.x, y',
    'customers, plans failed: refused',
  ]);
});

test('the table is at most 80 columns wide', () => {
  const count = { pages: 5_000, records: 1_000_000, messages: 1_000_000, rejected: 1, seconds: 600 };
  const rows = ['subscription_events', 'customer_subscriptions'].map((stream) => ({
    ...createStreamCounts(stream, 't'),
    ...count,
  }));
  for (const line of runSummary(rows).split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
});

test('a run without streams has a summary', () => assert.match(runSummary([]), /^stream/));

test('a stream has failed when it or one of its records did', () => {
  const count = createStreamCounts('plans', 't');
  assert.deepEqual([count, { ...count, rejected: 1 }, { ...count, failure: new Error() }].map(hasFailed), [
    false,
    true,
    true,
  ]);
});
