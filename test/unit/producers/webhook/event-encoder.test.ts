import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ownMessageLimit } from '../../../../core/kafka/message-limits.ts';
import { EventEncoder } from '../../../../producers/webhook/event-encoder.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';

const settings = loadSettings({ TOPIC_PREFIX: 'test.' }, '');

const createEncoder = (registry = new FakeRegistry()) =>
  EventEncoder.create(registry, settings, ownMessageLimit);

const event = (members: object) => Buffer.from(JSON.stringify({ type: 'mrr_movement', ...members }));

test('an event becomes a message with its digest as the key and its customer as the parent', async () => {
  const encoder = await createEncoder();
  const { topic, message, rejection } = await encoder.encode(event({ customer: { uuid: 'cus_1' } }));
  assert.deepEqual([topic, rejection], ['test.mrr_movement_events', undefined]);
  assert.match(message.key, /^[0-9a-f]{64}$/);
  assert.equal(message.headers?.['parent'], 'cus_1');
});

test('a body that is not an event becomes a dead letter with the same key for every retry', async () => {
  const encoder = await createEncoder();
  const bodies = ['{}', '{}', '{"a":1}', '', 'no json', '[]'].map((text) => Buffer.from(text));
  const encoded = await Promise.all(bodies.map((body) => encoder.encode(body)));
  assert.deepEqual(
    encoded.map(({ message }) => message.value?.toString()),
    bodies.map(String),
  );
  for (const { topic, rejection } of encoded)
    assert.deepEqual([topic, rejection?.code], ['test.dead-letters', 'ETL_NOT_AN_EVENT']);
  assert.equal(new Set(encoded.map(({ message }) => message.key)).size, 5);
});

test('an event with too many new fields becomes a dead letter with its own key', async () => {
  const encoder = await createEncoder();
  const many = event(Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`field_${n}`, n])));
  const { message, rejection } = await encoder.encode(many);
  assert.equal(rejection?.code, 'ETL_OVERSIZED_RECORD');
  assert.match(message.key, /^mrr_movement_events\|[0-9a-f]{64}$/);
  assert.equal((await encoder.encode(event({}))).rejection, undefined);
});

test('events that arrive together extend the schema one after the other', async () => {
  const registry = new FakeRegistry();
  const encoder = await createEncoder(registry);
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => encoder.encode(event({ [`new_${name}`]: 1 }))));
  const names = registry.registered.at(-1)?.schema.fields.map(({ name }) => name) ?? [];
  for (const name of ['new_a', 'new_b', 'new_c', 'new_d']) assert.ok(names.includes(name), name);
});

test('any event becomes a message or a dead letter, and retries have the same key', async () => {
  const names = fc.constantFrom(
    ...[
      'event_digest',
      'event-digest',
      'customer_uuid',
      'customer uuid',
      'customer',
      'date',
      '__proto__',
      'type',
    ],
    ...['movement_amount_in_cent', 'a', 'A', 'a-b', 'a_b', '', 'subscription', 'customer__v_json'],
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, fc.jsonValue({ maxDepth: 1 }), fc.dictionary(names, tie('any'))),
  })).any;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.dictionary(names, value), { maxLength: 4 }), async (records) => {
      const encoder = await createEncoder();
      for (const record of records) {
        const body = event({ ...record, type: 'mrr_movement' });
        const [first, again] = [await encoder.encode(body), await encoder.encode(body)];
        assert.equal(first.message.key, again.message.key);
        assert.notEqual(first.message.value, null);
      }
    }),
    { numRuns: 100 },
  );
});
