import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import { ConfigError } from '../../../../core/errors.ts';
import { checkpointKey, checkpointMessage, type Checkpoint } from '../../../../producers/state/checkpoint.ts';
import { chooseStreams } from '../../../../operations/status/choose-streams.ts';
import {
  noteCheckpoint,
  noteLetter,
  noteRun,
  type RunMessage,
} from '../../../../operations/status/journals.ts';

const messageOf = (
  key: string | null,
  value: string | null,
  some: { timestamp?: string; headers?: Readonly<Record<string, string>> } = {},
): KafkaMessage => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  timestamp: some.timestamp ?? '1000',
  attributes: 0,
  offset: '0',
  headers: Object.fromEntries(
    Object.entries(some.headers ?? {}).map(([name, text]) => [name, Buffer.from(text)]),
  ),
});

test('the latest run of a stream counts, from any partition', () => {
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

test('the last checkpoint counts; visits, missing keys and other texts are ignored', () => {
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
  note('plans', 'not ours');
  note('customers', null);
  assert.equal(checkpoints.size, 0);
});

test('a dead letter is waiting until it is redriven, and again when it is sent again', () => {
  const letters: Parameters<typeof noteLetter>[0] = new Map();
  const headers = {
    stream: 'plans',
    step: 'sink',
    topic: 'chartmogul.plans',
    partition: '0',
    offset: '1',
    timestamp: '5',
  };
  const note = (state?: string, value: string | null = '') =>
    noteLetter(
      letters,
      messageOf('plans|sink|0|1', value, { headers: { ...headers, ...(state && { state }) } }),
      'chartmogul.',
    );
  const states = () => [...letters.values()].map(({ stream, state }) => [stream, state]);
  note();
  assert.deepEqual(states(), [['plans', 'waiting']]);
  note('redriven');
  assert.deepEqual(states(), [['plans', 'redriven']]);
  note('waiting');
  assert.deepEqual(states(), [['plans', 'waiting']]);
  noteLetter(letters, messageOf('x', 'anything', {}), 'chartmogul.');
  noteLetter(letters, messageOf(null, 'anything', {}), 'chartmogul.');
  assert.equal(letters.size, 1);
  note(undefined, null);
  assert.equal(letters.size, 0);
});

test('streams with a topic or a table are listed, and unknown ones are rejected by name', () => {
  const topics = ['c.plans', 'c.checkpoints', 'c.dead-letters', 'other.customers'];
  assert.deepEqual(chooseStreams(topics, ['mine'], 'c.', undefined), ['mine', 'plans']);
  // Its schema is registered, but it has no messages yet.
  assert.deepEqual(chooseStreams(topics, ['mine'], 'c.', ['mine', 'customers']), ['mine']);
  assert.throws(() => chooseStreams(topics, [], 'c.', ['mine']), ConfigError);
  assert.deepEqual(chooseStreams(undefined, ['plans'], 'c.', ['mine', 'plans']), ['plans']);
  assert.deepEqual(chooseStreams(topics, undefined, 'c.', ['mine', 'plans']), ['plans']);
});
