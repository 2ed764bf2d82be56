import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NestedTooDeeplyError, NotAnEventError } from '../../../../core/errors.ts';
import { eventRecord } from '../../../../producers/webhook/event-record.ts';

const event = (text: string) => eventRecord(Buffer.from(text));

test('eventRecord keeps the members of an event and adds its digest and its customer', () => {
  const record = event('{"type":"mrr_movement","customer":{"uuid":"cus_1"},"movement_amount_in_cent":-5}');
  assert.deepEqual(record, {
    type: 'mrr_movement',
    customer: { uuid: 'cus_1' },
    movement_amount_in_cent: -5,
    event_digest: record['event_digest'],
    customer_uuid: 'cus_1',
  });
});

test('the digest of an event never changes, because it is the key of stored rows', () => {
  assert.equal(
    event('{"type":"mrr_movement","n":1.50}')['event_digest'],
    '729b75cb0cb1c2ccb6ad58675bad251bc2f5a0b58362457c6c0b05c4ae4dbc60',
  );
});

test('a retry has the same digest, whatever the order and spelling of its members', () => {
  const digest = event('{"type":"mrr_movement","a":1.50,"b":{"c":"é"}}')['event_digest'];
  for (const text of [
    '{"b":{"c":"\\u00e9"},"a":1.5,"type":"mrr_movement"}',
    ' {"type" : "mrr_movement", "a":15e-1,"b":{"c":"é"}}\n',
  ])
    assert.equal(event(text)['event_digest'], digest, text);
});

test('events whose values differ in a digit or in their type have different digests', () => {
  const texts = ['1', '2', '9007199254740993', '9007199254740992', '1.1', 'null', '"1"', '[1]'];
  const digests = texts.map((value) => event(`{"type":"mrr_movement","a":${value}}`)['event_digest']);
  assert.equal(new Set(digests).size, texts.length);
});

for (const customer of ['null', '"cus_1"', '[]', '{}', '{"uuid":5}', '{"uuid":null}'])
  test(`an event whose customer is ${customer} is stored without a customer_uuid`, () => {
    const record = event(`{"type":"mrr_movement","customer":${customer}}`);
    assert.equal(record['customer_uuid'], undefined);
  });

const noEvents: readonly (readonly [string | Buffer, RegExp])[] = [
  ['', /its body is not JSON$/],
  ['type=mrr_movement', /its body is not JSON$/],
  ['{"type":"mrr_movement"', /its body is not JSON$/],
  [Buffer.from('{"type":"mrr_movement","a":"\xff"}', 'latin1'), /its body is not UTF-8$/],
  ['null', /its JSON is not an object$/],
  ['[{"type":"mrr_movement"}]', /its JSON is not an object$/],
  ['{}', /its `type` is not mrr_movement$/],
  ['{"type":"MRR_MOVEMENT"}', /its `type` is not mrr_movement$/],
  ['{"type":["mrr_movement"]}', /its `type` is not mrr_movement$/],
];
for (const [body, reason] of noEvents)
  test(`eventRecord rejects the body ${JSON.stringify(body.toString())}`, () => {
    assert.throws(
      () => eventRecord(Buffer.from(body)),
      (error) => error instanceof NotAnEventError && reason.test(error.message),
    );
  });

test('eventRecord rejects an event that is nested too deeply', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  assert.throws(() => event(`{"type":"mrr_movement","a":${deep}}`), NestedTooDeeplyError);
});
