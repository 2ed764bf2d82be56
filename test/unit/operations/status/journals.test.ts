import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import { ConfigError } from '../../../../core/errors.ts';
import { checkpointKey, checkpointMessage, type Checkpoint } from '../../../../producers/state/checkpoint.ts';
import { chooseStreams } from '../../../../operations/status/choose-streams.ts';
import { noteCheckpoint, noteRun, type RunMessage } from '../../../../operations/status/journals.ts';

const messageOf = (
  key: string | null,
  value: string | null,
  some: { timestamp?: string } = {},
): KafkaMessage => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  timestamp: some.timestamp ?? '1000',
  attributes: 0,
  offset: '0',
  headers: {},
});

test('noteRun keeps the latest run of a stream, whatever the order of messages', () => {
  const runs = new Map<string, RunMessage>();
  const note = (key: string | null, value: string | null, timestamp: string) =>
    noteRun(runs, messageOf(key, value, { timestamp }));
  note('run-2|plans', 'second', '2000');
  note('run-1|plans', 'first', '1000');
  note('run-1|customers', 'other', '1000');
  for (const key of [null, '', 'no-stream']) note(key, 'x', '9000');
  note('run-3|plans', null, '9000');
  assert.deepEqual(
    [...runs].map(([stream, { value, timeMs }]) => [stream, value.toString(), timeMs]),
    [
      ['plans', 'second', 2000],
      ['customers', 'other', 1000],
    ],
  );
});

const checkpoint: Checkpoint = {
  run: 'r',
  startedAtMs: 1,
  isFull: false,
  isComplete: false,
  round: 1,
  roundAtMs: 1,
  pages: 3,
  records: 300,
  expectedPages: undefined,
  slices: new Map(),
};

test('noteCheckpoint keeps the last checkpoint unless it is unreadable, and ignores other keys', () => {
  const checkpoints = new Map<string, Checkpoint>();
  const note = (key: string, value: string | null) => noteCheckpoint(checkpoints, messageOf(key, value));
  const text = (some: Partial<Checkpoint>) =>
    checkpointMessage('plans', { ...checkpoint, ...some }).value?.toString() ?? '';
  note('plans', text({ pages: 3 }));
  note('plans', text({ pages: 4 }));
  note(checkpointKey.ofVisit('plans', 'x'), text({ pages: 9 }));
  note(checkpointKey.ofMissing('plans', 'x'), '1');
  assert.equal(checkpoints.get('plans')?.pages, 4);
  assert.equal(checkpoints.size, 1);
  note('plans', 'foreign');
  note('customers', null);
  assert.equal(checkpoints.size, 0);
});

test('chooseStreams rejects an unknown stream only if Kafka and ClickHouse responded', () => {
  const topics = ['c.plans', 'c.checkpoints', 'c.dead-letters', 'other.customers'];
  assert.deepEqual(chooseStreams(topics, ['mine'], 'c.', undefined), ['mine', 'plans']);
  // `customers` is a known stream without a topic or a table.
  assert.deepEqual(chooseStreams(topics, ['mine'], 'c.', ['mine', 'customers']), ['mine']);
  assert.throws(() => chooseStreams(topics, [], 'c.', ['mine']), ConfigError);
  assert.deepEqual(chooseStreams(undefined, ['plans'], 'c.', ['mine', 'plans']), ['plans']);
  assert.deepEqual(chooseStreams(topics, undefined, 'c.', ['mine', 'plans']), ['plans']);
});
