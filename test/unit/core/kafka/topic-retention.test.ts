import assert from 'node:assert/strict';
import test from 'node:test';
import { loadSettings } from '../../../../core/settings/config.ts';
import { ConfigError } from '../../../../core/errors.ts';
import {
  clockWarnings,
  retentionWarnings,
  wantedTopicConfig,
} from '../../../../core/kafka/topic-retention.ts';

const DAY_MS = 86_400_000;
const config = (entries: Readonly<Record<string, string>> = {}) =>
  new Map(Object.entries({ ...wantedTopicConfig('plans'), ...entries }));
const load = (days: string) => loadSettings({ TOMBSTONE_RETENTION_DAYS: days }, '').kafka;

test('project topics keep the latest message per key forever, and tombstones for a week', () => {
  const { 'max.message.bytes': maxBytes, ...entries } = wantedTopicConfig('plans');
  assert.deepEqual(entries, {
    'cleanup.policy': 'compact',
    'delete.retention.ms': String(7 * DAY_MS),
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'message.timestamp.type': 'LogAppendTime',
  });
  assert.ok(Number(maxBytes) > 1024 * 1024);
  const deadLetters = wantedTopicConfig('chartmogul.dead-letters');
  assert.ok(
    Number(deadLetters['max.message.bytes']) > Number(maxBytes),
    'the dead-letter topic must accept the largest message',
  );
  assert.equal(wantedTopicConfig('plans', 30)['delete.retention.ms'], String(30 * DAY_MS));
});

test('TOMBSTONE_RETENTION_DAYS is 7 by default and accepts whole days from 1 to 36500', () => {
  assert.equal(loadSettings({}, '').kafka.tombstoneRetentionDays, 7);
  assert.equal(load('1').tombstoneRetentionDays, 1);
  assert.equal(load('36500').tombstoneRetentionDays, 36_500);
  for (const value of ['0', '-1', '1.5', 'a week', '36501'])
    assert.throws(
      () => load(value),
      (error) =>
        error instanceof ConfigError &&
        /^TOMBSTONE_RETENTION_DAYS must be a whole number from 1 to 36500; got ".*"$/.test(error.message),
    );
});

const complete: readonly Readonly<Record<string, string>>[] = [
  {},
  // Retention limits have no effect without the delete policy.
  { 'retention.ms': '604800000', 'retention.bytes': '1000000' },
  { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
  { 'cleanup.policy': 'delete', 'retention.ms': '9223372036854775807' },
  { 'cleanup.policy': 'compact,delete' },
  { 'cleanup.policy': '' },
];
for (const entries of complete) {
  test(`retentionWarnings reports nothing for ${JSON.stringify(entries)}`, () => {
    assert.deepEqual(retentionWarnings(config(entries), [0n, 0n]), []);
    assert.deepEqual(retentionWarnings(config(entries), [0n, 1_200n, 34n]), []);
  });
}

const deleting: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [
    { 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY_MS) },
    'cleanup.policy is delete with retention.ms 604800000 (7 days)',
  ],
  [
    { 'cleanup.policy': 'delete', 'retention.ms': '0' },
    'cleanup.policy is delete with retention.ms 0 (0 milliseconds)',
  ],
  [
    { 'cleanup.policy': 'compact, delete', 'retention.bytes': '1073741824' },
    'cleanup.policy is compact, delete with retention.bytes 1073741824',
  ],
  [
    { 'cleanup.policy': 'delete', 'retention.ms': '129600000', 'retention.bytes': '1' },
    'cleanup.policy is delete with retention.ms 129600000 (36 hours) and retention.bytes 1',
  ],
];
for (const [entries, limit] of deleting) {
  test(`retentionWarnings reports for ${JSON.stringify(entries)} that a replay lacks messages`, () => {
    const [reason, remedy] = [`${limit}: a replay lacks older messages`, 'set cleanup.policy to compact'];
    assert.deepEqual(retentionWarnings(config(entries), [0n]), [`${reason}; ${remedy}`]);
    const gone = `${reason}, and the topic has already lost 1,234 messages`;
    assert.deepEqual(retentionWarnings(config(entries), [1_200n, 34n]), [`${gone}; ${remedy}`]);
  });
}

test('a configuration entry that Kafka omits counts as having its default value', () => {
  assert.match(
    retentionWarnings(new Map(), [0n]).join(),
    /^cleanup\.policy is delete with retention\.ms 604800000/,
  );
  assert.match(clockWarnings(new Map()).join(), /CreateTime/);
});

test('a short tombstone retention is reported, except on a topic without compaction', () => {
  const day = { 'delete.retention.ms': String(DAY_MS) };
  assert.deepEqual(retentionWarnings(config(day), [0n]), [
    'delete.retention.ms is 86400000 (1 day): a sink that is stopped for longer misses deletes; set it to 604800000 (TOMBSTONE_RETENTION_DAYS)',
  ]);
  assert.deepEqual(retentionWarnings(config(day), [0n], 1), []);
  assert.equal(retentionWarnings(config({}), [0n], 8).length, 1);
  assert.deepEqual(retentionWarnings(config({ ...day, 'cleanup.policy': 'delete' }), [0n]), []);
  assert.equal(retentionWarnings(config({ ...day, 'cleanup.policy': 'delete,compact' }), [0n]).length, 1);
});

test('producer timestamps on a topic are reported', () => {
  assert.deepEqual(clockWarnings(config()), []);
  assert.match(
    clockWarnings(config({ 'message.timestamp.type': 'CreateTime' })).join(),
    /^message\.timestamp\.type is CreateTime: .*; set it to LogAppendTime$/,
  );
});
