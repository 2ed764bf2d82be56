import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import { parseDeadLetter } from '../../../../core/dead-letters/reader.ts';
import { markedDeadLetter, truncated } from '../../../../core/dead-letters/writer.ts';
import {
  deadLetterMessage,
  deadLetterOf,
  PREFIX,
  REJECTED_AT,
  sinkHeaders,
} from '../../../helpers/dead-letters.ts';

test('markedDeadLetter keeps the value and rejection time, and puts the outcome in headers', () => {
  const deadLetter = deadLetterOf();
  const error = { code: 'ETL_ROW_REJECTED', message: 'refused' };
  const again = markedDeadLetter(deadLetter, { kind: 'failed', error }, REJECTED_AT + 1);
  assert.ok(again);
  assert.deepEqual({ key: again.key, value: again.value }, { key: deadLetter.key, value: deadLetter.value });
  const texts = Object.fromEntries(Object.entries(again.headers).map(([name, text]) => [name, String(text)]));
  assert.deepEqual(texts, {
    ...sinkHeaders,
    code: 'ETL_ROW_REJECTED',
    reason: 'refused',
    attempts: '1',
    'set-aside-at': String(REJECTED_AT),
  });
  // The Kafka timestamp is the time of the redrive.
  const readAgain = parseDeadLetter(
    deadLetterMessage(texts, { timestamp: String(REJECTED_AT + 60_000) }),
    PREFIX,
  );
  assert.ok(readAgain);
  assert.deepEqual(
    {
      state: readAgain.state,
      attempts: readAgain.attempts,
      rejectedAtMs: readAgain.rejectedAtMs,
      id: readAgain.id,
    },
    { state: 'waiting', attempts: 1, rejectedAtMs: REJECTED_AT, id: deadLetter.id },
  );
  const done = markedDeadLetter(
    { ...readAgain, value: deadLetter.value },
    { kind: 'redriven', how: '' },
    REJECTED_AT + 2,
  );
  const marked = parseDeadLetter(
    deadLetterMessage(
      Object.fromEntries(Object.entries(done?.headers ?? {}).map(([name, text]) => [name, String(text)])),
    ),
    PREFIX,
  );
  assert.deepEqual(
    {
      state: marked?.state,
      redrivenMs: marked?.redrivenMs,
      rejectedAtMs: marked?.rejectedAtMs,
      attempts: marked?.attempts,
    },
    { state: 'redriven', redrivenMs: REJECTED_AT + 2, rejectedAtMs: REJECTED_AT, attempts: 1 },
  );
  assert.equal(markedDeadLetter(deadLetter, { kind: 'skipped', why: '' }, REJECTED_AT), undefined);
});

test('markedDeadLetter throws if the dead letter was read without its value', () => {
  assert.throws(
    () =>
      markedDeadLetter({ ...deadLetterOf(), value: undefined }, { kind: 'redriven', how: '' }, REJECTED_AT),
    RangeError,
  );
});

test('markedDeadLetter keeps the original reason and adds the time and reason of a discard', () => {
  const deadLetter = { ...deadLetterOf(), value: Buffer.from('x') };
  const marked = markedDeadLetter(
    deadLetter,
    { kind: 'discarded', reason: 'a test record' },
    REJECTED_AT + 1,
  );
  const { reason, ...marks } = { ...marked?.headers };
  assert.equal(String(reason), String(deadLetter.headers['reason']));
  assert.equal(marks['state'], 'discarded');
  assert.equal(marks['discarded-at'], String(REJECTED_AT + 1));
  assert.equal(marks['discard-reason'], 'a test record');
});

test('truncated keeps the start of the value and headers, and records their original lengths', () => {
  const deadLetter = {
    key: 'k',
    value: Buffer.alloc(100_000, 7),
    headers: { reason: 'why', key: 'k'.repeat(20_000) },
  };
  const cut = truncated(deadLetter);
  assert.deepEqual(cut.value, deadLetter.value.subarray(0, 65_536));
  const message = deadLetterMessage(sinkHeaders, { value: cut.value });
  const headers: Record<string, string | Buffer> = { ...sinkHeaders, ...cut.headers };
  const texts = Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name, Buffer.from(String(text))]),
  );
  const read = parseDeadLetter({ ...message, headers: texts } as KafkaMessage, PREFIX);
  assert.deepEqual(
    {
      bytes: read?.bytes,
      originalBytes: read?.originalBytes,
      isTruncated: read?.isTruncated,
      keyLength: read?.recordKey?.length,
      originalKeyLength: String(texts['key-truncated']),
    },
    {
      bytes: 65_536,
      originalBytes: 100_000,
      isTruncated: true,
      keyLength: 8_192,
      originalKeyLength: '20000',
    },
  );
  assert.equal(truncated(cut), cut, 'a truncated dead letter must stay unchanged');
  const small = { key: 'k', value: Buffer.from('v'), headers: { key: 'k' } };
  assert.equal(truncated(small), small);
  assert.ok(!deadLetterOf().isTruncated);
});
