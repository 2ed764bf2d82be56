import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError, TopicGoneError } from '../../../core/errors.ts';
import { failedStreams, ProgressWatch } from '../../../core/health.ts';

test('ProgressWatch measures how long the progress has been unchanged', () => {
  let nowMs = 1_000;
  const watch = new ProgressWatch(() => nowMs);
  const looks: [seconds: number, progress: string | undefined, stillSeconds: number][] = [
    [0, 'a', 0],
    [10, 'a', 10],
    [5, 'a', 15],
    [1, 'b', 0],
    [7, 'b', 7],
    [1, undefined, 0],
    [9, undefined, 0],
    [1, 'b', 0],
    [2, 'b', 2],
  ];
  for (const [seconds, progress, stillSeconds] of looks) {
    nowMs += seconds * 1_000;
    assert.equal(watch.stillMs(progress), stillSeconds * 1_000);
  }
});

test('failedStreams reports an error code or the number of failed streams, but no error text', () => {
  const [plans, tasks] = [new TopicGoneError('s3cret'), new ConfigError('s3cret')];
  const fine = { stream: 'invoices', failure: undefined };
  assert.equal(failedStreams([fine]), undefined);
  assert.equal(
    failedStreams([fine, { stream: 'plans', failure: plans }]),
    '1 stream has failed: plans (ETL_TOPIC_GONE); see the log',
  );
  assert.equal(
    failedStreams([
      { stream: 'plans', failure: new Error('s3cret') },
      { stream: 'tasks', failure: tasks },
    ]),
    '2 streams have failed, plans first; see the log',
  );
});
