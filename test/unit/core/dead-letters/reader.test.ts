import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import { deadLetterState } from '../../../../core/dead-letters/format.ts';
import { parseDeadLetter } from '../../../../core/dead-letters/reader.ts';
import {
  deadLetterMessage,
  deadLetterOf,
  PREFIX,
  REJECTED_AT,
  sinkHeaders,
} from '../../../helpers/dead-letters.ts';

test('parseDeadLetter reads position, time and an id that depends on the key alone', () => {
  const deadLetter = deadLetterOf();
  assert.ok(deadLetter.step === 'sink');
  const { partition, offset, timestampMs, rejectedAtMs, attempts, bytes } = deadLetter;
  assert.deepEqual(
    { partition, offset, timestampMs, rejectedAtMs, attempts, bytes, state: deadLetter.state },
    {
      partition: 2,
      offset: 7,
      timestampMs: 1_700_000_000_000,
      rejectedAtMs: REJECTED_AT,
      attempts: 0,
      bytes: 5,
      state: 'waiting',
    },
  );
  assert.equal(deadLetter.id, deadLetterOf({ ...sinkHeaders, reason: 'another' }).id);
  assert.notEqual(deadLetter.id, deadLetterOf(sinkHeaders, 'plans|sink|2|8').id);
});

test('parseDeadLetter distinguishes a delete from an empty value by the reason', () => {
  const isDelete = (reason: string, value: string) => {
    const message = deadLetterMessage({ ...sinkHeaders, reason }, { value: Buffer.from(value) });
    const deadLetter = parseDeadLetter(message, PREFIX);
    return deadLetter?.step === 'sink' && deadLetter.isDelete;
  };
  const rejected = 'table plans_raw refuses the row: ClickHouse returned code 469';
  assert.equal(isDelete('not in Confluent framing (a zero byte and a schema id)', ''), false);
  assert.equal(isDelete(rejected, ''), true);
  assert.equal(isDelete('a key that is not id', ''), true);
  assert.equal(isDelete(rejected, 'seven b'), false);
});

const hostile: readonly [what: string, message: KafkaMessage][] = [
  ['no headers', deadLetterMessage({})],
  ['no key', deadLetterMessage(sinkHeaders, { key: null })],
  ['a key that is not UTF-8', deadLetterMessage(sinkHeaders, { key: Buffer.from([0xff, 0xfe]) })],
  ['no value', deadLetterMessage(sinkHeaders, { value: null })],
  ['an unknown step', deadLetterMessage({ ...sinkHeaders, step: 'neither' })],
  ['an invalid stream name', deadLetterMessage({ ...sinkHeaders, stream: "plans'; DROP" })],
  ["another stream's topic", deadLetterMessage({ ...sinkHeaders, topic: 'other.plans' })],
  ['a negative partition', deadLetterMessage({ ...sinkHeaders, partition: '-1' })],
  ['a partition beyond 32 bits', deadLetterMessage({ ...sinkHeaders, partition: '2147483648' })],
  ['an offset beyond 2^53', deadLetterMessage({ ...sinkHeaders, offset: '9007199254740993' })],
  ['an offset that is not a number', deadLetterMessage({ ...sinkHeaders, offset: '1) OR (1' })],
  ['no timestamp', deadLetterMessage({ ...sinkHeaders, timestamp: '' })],
];
for (const [what, message] of hostile) {
  test(`parseDeadLetter rejects a message with ${what}`, () =>
    assert.equal(parseDeadLetter(message, PREFIX), undefined));
}

test('deadLetterState returns redriven or discarded, and waiting for anything else', () => {
  const states = [
    undefined,
    Buffer.from('waiting'),
    'redriven',
    Buffer.from('redriven'),
    Buffer.from('discarded'),
  ];
  assert.deepEqual(
    states.map((state) => deadLetterState({ state })),
    ['waiting', 'waiting', 'waiting', 'redriven', 'discarded'],
  );
  assert.equal(deadLetterState(undefined), 'waiting');
});
