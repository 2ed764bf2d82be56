import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { AvroType, StreamSchema } from '../../../../core/avro/schema.ts';
import { UnkeyedRecordError } from '../../../../core/errors.ts';
import { parseJson, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';
import { roundTrip } from '../../../helpers/round-trip.ts';

const date = { type: 'int', logicalType: 'date' } as const;
const nullable = (name: string, type: Exclude<AvroType, readonly unknown[]>) =>
  ({ name, type: ['null', type], default: null }) as const;
const aText = fc.string({ unit: 'binary', maxLength: 5 });
const aDate = fc
  .date({ min: new Date('1900-01-01'), max: new Date('2299-12-31'), noInvalidDate: true })
  .map((day) => day.toISOString().slice(0, 10));
const anInt64 = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .map((integer) => parseJson(String(integer)));
const anyJson = fc.json({ maxDepth: 1 }).map(parseJson);

const keyed: StreamSchema = {
  type: 'record',
  name: 'Keyed',
  primaryKey: ['a_b_', 'day', 'id', 'x__v_string'],
  // Misfits of `x` and other spellings of `a_b` can have the names of key fields.
  fields: [
    nullable('x', 'long'),
    nullable('a_b', 'string'),
    { name: 'id', type: 'long', aliases: ['number'] },
    { name: 'a_b_', type: 'string' },
    { name: 'day', type: date },
    { name: 'x__v_string', type: 'string' },
  ],
};
const keyPart = (...usable: fc.Arbitrary<JsonValue>[]) =>
  fc.oneof(
    { arbitrary: fc.oneof(...usable), weight: 12 },
    fc.constantFrom<JsonValue>(null, '', 0.5, true, '2024-02-30', 2n ** 63n),
    anyJson,
  );
const keyedRecord = fc
  .record(
    {
      x: keyPart(fc.integer(), aText),
      a_b: keyPart(aText),
      'a-b': keyPart(aText),
      a_b_: keyPart(aText),
      'a-b-': keyPart(aText),
      'a b ': keyPart(aText),
      day: keyPart(
        aDate,
        aDate.map((day) => `${day}T00:00:00Z`),
      ),
      id: keyPart(anInt64, anInt64.map(String), fc.constantFrom('005', '5.0', -0)),
      number: keyPart(anInt64),
      x__v_string: keyPart(aText),
    },
    { requiredKeys: ['day'], noNullPrototype: true },
  )
  .chain((record) =>
    fc
      .shuffledSubarray(Object.entries(record), { minLength: Math.max(0, Object.keys(record).length - 1) })
      .map((entries): JsonObject => Object.fromEntries(entries)),
  );

function unlessUnkeyed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnkeyedRecordError) return undefined;
    throw error;
  }
}

test('the key read before encoding equals the key of the encoded record, or both fail', () => {
  let usable = 0;
  fc.assert(
    fc.property(keyedRecord, (record) => {
      const encoder = new RecordEncoder(keyed);
      const before = unlessUnkeyed(() => encoder.keyOf(record));
      const message = unlessUnkeyed(() => roundTrip(keyed, record));
      assert.equal(before, message?.key);
      if (message === undefined) return;
      usable++;
      const { a_b_, day, id, x__v_string } = message.decoded;
      const date = new Date((day as number) * 86_400_000).toISOString().slice(0, 10);
      assert.equal(before, [a_b_, date, id, x__v_string].map(String).join('|'));
    }),
    { numRuns: 500, endOnFailure: true },
  );
  assert.ok(usable > 50 && usable < 450, `${usable} of 500 records had a key`);
});

test('reading a key leaves the bytes of the previous record unchanged', () => {
  const whole = { a_b_: 'k', day: '2024-01-31', id: 5, x__v_string: 'x' };
  const encoder = new RecordEncoder(keyed);
  const { avro: bytes } = encoder.encodeDiscarding(whole);
  const hex = bytes.view().toString('hex');
  assert.equal(encoder.keyOf({ ...whole, id: 6 }), 'k|2024-01-31|6|x');
  assert.equal(bytes.view().toString('hex'), hex);
});

const spellings: readonly (readonly [string, JsonObject, string | undefined])[] = [
  ['like its field', { a_b_: 'own', 'a b ': 'other', id: 5 }, 'own|2024-01-31|5|x'],
  ['differently', { 'a-b-': 'second', 'a b ': 'first', id: 5 }, 'first|2024-01-31|5|x'],
  ['like its alias', { a_b_: 'own', number: '5' }, 'own|2024-01-31|5|x'],
  ['differently alongside a null', { a_b_: null, 'a-b-': 'k', id: null, number: 5 }, 'k|2024-01-31|5|x'],
  ['like another field', { a_b: '1', 'a-b': '2', id: 5 }, undefined],
];
for (const [name, record, key] of spellings) {
  test(`a key spelled ${name} in the source is ${key ?? 'undefined'}`, () => {
    const whole = { ...record, day: '2024-01-31', x__v_string: 'x' };
    const encoder = new RecordEncoder(keyed);
    assert.equal(
      unlessUnkeyed(() => encoder.keyOf(whole)),
      key,
    );
    assert.equal(unlessUnkeyed(() => roundTrip(keyed, whole))?.key, key);
  });
}

test('an inherited property is not a key', () => {
  const inherited: StreamSchema = {
    type: 'record',
    name: 'Inherited',
    primaryKey: ['__proto__'],
    fields: [{ name: '__proto__', type: 'string' }],
  };
  const encoder = new RecordEncoder(inherited);
  assert.throws(() => encoder.keyOf({}), UnkeyedRecordError);
  assert.equal(encoder.keyOf({ '--proto--': 'p' }), 'p');
});
