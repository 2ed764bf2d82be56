import assert from 'node:assert/strict';
import test from 'node:test';
import { MessageKeys } from '../../../../consumers/stream/message-keys.ts';
import type { SchemaText } from '../../../../core/avro/registry.ts';
import { DecodeError } from '../../../../core/errors.ts';
import { varint } from '../../../fixtures/avro-encoder.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';

const record = (...fields: (readonly [string, unknown])[]) => ({
  type: 'record',
  name: 'Key',
  fields: fields.map(([name, type]) => ({ name, type })),
});
const date = { type: 'int', logicalType: 'date' };
const uuid = { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' };

/** The registry's schemas by id; ids below 20 are schemas of the topic's keys. */
const schemas: Readonly<Record<number, Pick<SchemaText, 'type' | 'text'>>> = Object.fromEntries(
  Object.entries({
    1: 'string',
    2: 'long',
    3: 'int',
    4: record(['id', 'string']),
    5: record(['uuid', 'string']),
    6: record(['b', 'long'], ['other', ['null', 'double']], ['a', ['null', 'string']]),
    7: date,
    8: record(['day', date]),
    9: { type: 'enum', name: 'E', symbols: ['RED', 'GREEN'] },
    10: uuid,
    11: 'bytes',
    12: 'double',
    13: record(['id', { ...record(['x', 'string']), name: 'Inner' }]),
    14: { type: 'long', logicalType: 'timestamp-millis' },
    15: ['null', 'string'],
    19: { type: 'string', logicalType: 'uuid' },
    20: 'long',
  }).map(([id, schema]) => [id, { type: 'AVRO', text: JSON.stringify(schema) }]),
);
const others: typeof schemas = {
  16: { type: 'JSON', text: '{}' },
  17: { type: 'PROTOBUF', text: 'message Key { string id = 1; }' },
  18: { type: 'AVRO', text: '{' },
};

class KeyRegistry extends FakeRegistry {
  override schemaText(id: number): Promise<SchemaText | undefined> {
    const found = schemas[id] ?? others[id];
    return Promise.resolve(found && { id, ...found, references: [] });
  }

  override isVersionOf(subject: string, id: number): Promise<boolean> {
    assert.equal(subject, 't.mine-key');
    return Promise.resolve(id < 20);
  }
}

async function partsOf(
  key: Buffer,
  primaryKey: readonly string[],
  isInteger = false,
): Promise<readonly string[]> {
  const keys = new MessageKeys(new KeyRegistry(), 't.mine-key');
  const parts = keys.partsOf(key, primaryKey, isInteger);
  if (typeof parts !== 'number') return parts;
  assert.ok(keys.awaits(parts));
  await keys.learn(parts);
  assert.ok(!keys.awaits(parts));
  const learned = keys.partsOf(key, primaryKey, isInteger);
  assert.ok(typeof learned !== 'number');
  return learned;
}

const framed = (id: number, ...avro: (string | number | Buffer)[]) =>
  Buffer.concat([
    Buffer.from([0, 0, 0, 0, id]),
    ...avro.map((part) => {
      if (Buffer.isBuffer(part)) return part;
      if (typeof part === 'number') return varint(BigInt(part));
      return Buffer.concat([varint(BigInt(Buffer.byteLength(part))), Buffer.from(part)]);
    }),
  ]);
const json = (id: number, text: string) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from(text)]);
const long = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const int = (value: number) => long(BigInt(value)).subarray(4);
const id = ['id'];

const read: readonly (readonly [string, Buffer, readonly string[], readonly string[], isInteger?: true])[] = [
  ['text', Buffer.from('cus_1'), id, ['cus_1']],
  ['text with bars for a key of one field', Buffer.from('a|b'), id, ['a|b']],
  ['text of several parts', Buffer.from('a||ü'), ['a', 'b', 'c'], ['a', '', 'ü']],
  ['empty text', Buffer.alloc(0), id, ['']],
  ['text that begins like JSON', Buffer.from('{a}'), id, ['{a}']],
  ['a quote', Buffer.from('"'), id, ['"']],
  ['framed Avro text', framed(1, 'cus_1'), id, ['cus_1']],
  ['framed Avro text with a bar', framed(1, 'a|b'), id, ['a|b']],
  ['a framed Avro long', framed(2, 7), id, ['7']],
  [
    'a framed Avro long of 64 bits',
    framed(2, Buffer.from('ffffffffffffffffff01', 'hex')),
    id,
    ['-9223372036854775808'],
    true,
  ],
  ['a framed Avro int', framed(3, -7), id, ['-7'], true],
  ['a framed record with the field', framed(4, 'x'), id, ['x']],
  ['a framed record whose only field has another name', framed(5, 'x'), id, ['x']],
  ['a framed record with the fields in another order', framed(6, -3, 0, 1, 'x'), ['a', 'b'], ['x', '-3']],
  ['a framed date', framed(7, 19_753), id, ['2024-01-31']],
  ['a framed record with a date', framed(8, -1), id, ['1969-12-31']],
  ['a framed enum', framed(9, 1), id, ['GREEN']],
  [
    'a framed UUID',
    framed(10, Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f0', 'hex')),
    id,
    ['0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'],
  ],
  ['a framed UUID in text form', framed(19, '0F1e2d3c-4b5a'), id, ['0F1e2d3c-4b5a']],
  ['a framed Avro long with the length of a Java long', framed(2, 100_000), id, ['100000'], true],
  ['framed Avro text from a nullable union', framed(15, 1, 'x'), id, ['x']],
  ['a framed JSON string', json(16, '"x"'), id, ['x']],
  ['a framed JSON number', json(16, '9007199254740993'), id, ['9007199254740993']],
  ['a framed JSON object', json(16, '{"id":"x","n":1.5}'), id, ['x']],
  ['a framed JSON object with one member', json(16, '{"key":7}'), id, ['7']],
  ['a framed JSON object with several members', json(16, '{"b":1,"a":"x"}'), ['a', 'b'], ['x', '1']],
  ['an unframed JSON object', Buffer.from('{"id":"x"}'), id, ['x']],
  [
    'an unframed JSON object with several members',
    Buffer.from('{"b":1,"a":"x|y"}'),
    ['a', 'b'],
    ['x|y', '1'],
  ],
  [
    'unframed JSON with a schema and a payload',
    Buffer.from('{"schema":{"type":"struct"},"payload":{"id":5}}'),
    id,
    ['5'],
  ],
  [
    'unframed JSON with more than a schema and a payload',
    Buffer.from('{"schema":1,"payload":{"id":5},"id":"x"}'),
    id,
    ['x'],
  ],
  ['an unframed JSON string', Buffer.from('"x"'), id, ['x']],
  ['a Java long', long(5n), id, ['5'], true],
  ['a large Java long', long(2n ** 55n), id, [String(2n ** 55n)], true],
  ['a Java long that resembles a frame', long(0x14_02_02_02n), id, [String(0x14_02_02_02)], true],
  ['a Java int', int(70_000), id, ['70000'], true],
];
for (const [name, key, primaryKey, parts, isInteger] of read) {
  test(`MessageKeys reads a key: ${name}`, async () => {
    assert.deepEqual(await partsOf(key, primaryKey, isInteger), parts);
  });
}

const refused: readonly (readonly [string, Buffer, readonly string[], RegExp, isInteger?: true])[] = [
  ['too few parts', Buffer.from('a'), ['a', 'b'], /has 1 part, but the primary key is a\|b/],
  ['bytes that are not text', Buffer.from([0xff, 0xfe]), id, /neither text nor framed/],
  ['an incomplete UTF-8 character', Buffer.from('ü').subarray(0, 1), id, /neither text nor framed/],
  ['the text of a Java object', Buffer.from('Struct{id=x}'), id, /Java object/],
  ['JSON with other members', Buffer.from('{"uuid":"x"}'), id, /lacks fields/],
  ['JSON that lacks a member', Buffer.from('{"a":"x"}'), ['a', 'b'], /lacks fields/],
  ['JSON with null for the field', Buffer.from('{"id":null}'), id, /neither text nor a whole number/],
  ['JSON with a fraction for the field', Buffer.from('{"id":1.5}'), id, /neither text nor a whole number/],
  ['JSON with an object for the field', Buffer.from('{"id":{}}'), id, /neither text nor a whole number/],
  ['a schema id that the registry lacks', framed(99, 'x'), id, /names schema 99, which the registry lacks/],
  ['Protobuf', framed(17, 'x'), id, /names schema 17, of type PROTOBUF, which is not supported/],
  ['an invalid schema', framed(18, 'x'), id, /names schema 18, from which no key can be read/],
  ['one value for two fields', framed(1, 'x'), ['a', 'b'], /is a single value, but the primary key is a\|b/],
  ['a record with only one of two fields', framed(4, 'x'), ['a', 'b'], /lacks fields/],
  ['a record with several other fields', framed(6, -3, 0, 1, 'x'), id, /lacks fields/],
  ['null in a field', framed(6, -3, 0, 0), ['a', 'b'], /neither text nor a whole number/],
  ['null', framed(15, 0), id, /neither text nor a whole number/],
  ['Avro bytes', framed(11, 'x'), id, /neither text nor a whole number/],
  ['a double', framed(12, Buffer.alloc(8)), id, /neither text nor a whole number/],
  ['a timestamp', framed(14, 5), id, /neither text nor a whole number/],
  ['a record in a record', framed(13, 'x'), id, /neither text nor a whole number/],
  ['framed text that is not UTF-8', framed(1, Buffer.from([2, 0xff])), id, /neither text nor a whole number/],
  [
    'bytes after the value',
    framed(1, 'x', 'y'),
    id,
    /does not match schema 1 \(bytes are left over after the last field\): send/,
  ],
  ['missing bytes', framed(4, 'cus_1').subarray(0, 8), id, /does not match schema 4 \(.*remaining bytes/],
  ['invalid framed JSON', json(16, '{'), id, /not JSON/],
  ['a zero byte', Buffer.from([0]), id, /begins with a zero byte/],
  ['text after a zero byte', Buffer.from('\0ab'), id, /begins with a zero byte/],
  ['a Java long for a text key', long(5n), id, /names schema 0, which the registry lacks/],
  ['a negative Java long', long(-5n), id, /neither text nor framed/, true],
];
for (const [name, key, primaryKey, reason, isInteger] of refused) {
  test(`MessageKeys rejects a key: ${name}`, async () => {
    await assert.rejects(partsOf(key, primaryKey, isInteger), (error: Error) => {
      assert.ok(error instanceof DecodeError, String(error));
      assert.match(error.message, reason);
      return true;
    });
  });
}

test('MessageKeys requests an unknown schema id again after a minute', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const keys = new MessageKeys(new KeyRegistry(), 't.mine-key');
  const partsOfUnknown = () => keys.partsOf(framed(99, 'x'), id, false);
  assert.equal(partsOfUnknown(), 99);
  await keys.learn(99);
  assert.throws(partsOfUnknown, DecodeError);
  nowMs = 60_001;
  assert.equal(partsOfUnknown(), 99);
});
