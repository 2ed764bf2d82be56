import fc from 'fast-check';
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import type { RecordType, WriterType } from '../../../../consumers/schema/writer-type.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';

function parsed(schema: unknown) {
  return parseWriterSchema(JSON.stringify(schema), 'schema 7');
}

function typeOf(type: unknown): WriterType {
  const [field] = parsed({ type: 'record', name: 'T', fields: [{ name: 'a', type }] }).fields;
  assert.ok(field);
  return field.type;
}

const logical = (type: string, logicalType: string, more = {}) => ({ type, logicalType, ...more });
const decimal = (precision: unknown, scale?: unknown) => logical('bytes', 'decimal', { precision, scale });
const logicals: readonly (readonly [unknown, WriterType])[] = [
  [logical('string', 'json'), { kind: 'json' }],
  [logical('string', 'uuid'), { kind: 'uuid', isText: true }],
  [logical('fixed', 'uuid', { name: 'U', size: 16 }), { kind: 'uuid', isText: false }],
  [logical('fixed', 'uuid', { name: 'U', size: 15 }), { kind: 'fixed', bytes: 15 }],
  [logical('long', 'uuid'), { kind: 'long' }],
  [logical('int', 'date'), { kind: 'date' }],
  [logical('long', 'date'), { kind: 'long' }],
  [logical('int', 'time-millis'), { kind: 'time-millis' }],
  [logical('long', 'time-micros'), { kind: 'time-micros' }],
  [logical('long', 'time-millis'), { kind: 'long' }],
  [logical('long', 'timestamp-millis'), { kind: 'timestamp', digits: 3 }],
  [logical('long', 'timestamp-micros'), { kind: 'timestamp', digits: 6 }],
  [logical('long', 'local-timestamp-nanos'), { kind: 'timestamp', digits: 9 }],
  [logical('int', 'timestamp-millis'), { kind: 'int' }],
  [logical('fixed', 'duration', { name: 'D', size: 12 }), { kind: 'fixed', bytes: 12 }],
  [logical('string', 'url'), { kind: 'string' }],
  [decimal(5, 2), { kind: 'decimal', precision: 5, scale: 2, fixedBytes: undefined }],
  [decimal(5), { kind: 'decimal', precision: 5, scale: 0, fixedBytes: undefined }],
  [decimal(5, 6), { kind: 'bytes' }],
  [decimal(5, -1), { kind: 'bytes' }],
  [decimal(0), { kind: 'bytes' }],
  [decimal('5'), { kind: 'bytes' }],
  [decimal(undefined), { kind: 'bytes' }],
  [
    logical('fixed', 'decimal', { name: 'D', size: 2, precision: 4 }),
    { kind: 'decimal', precision: 4, scale: 0, fixedBytes: 2 },
  ],
  [logical('fixed', 'decimal', { name: 'D', size: 2, precision: 5 }), { kind: 'fixed', bytes: 2 }],
  [{ type: { type: 'int', logicalType: 'date' } }, { kind: 'date' }],
  [{ type: 'string', 'avro.java.string': 'String' }, { kind: 'string' }],
];
for (const [schema, type] of logicals) {
  test(`${JSON.stringify(schema)} is parsed as ${type.kind}`, () => assert.deepEqual(typeOf(schema), type));
}

test('a name refers to a type in its own namespace, or else to one without a namespace', () => {
  const enumOf = (name: string, namespace: string | undefined, symbol: string) => ({
    name: symbol,
    type: { type: 'enum', name, ...(namespace !== undefined && { namespace }), symbols: [symbol] },
  });
  const inner = {
    type: 'record',
    name: 'y.Inner',
    fields: [
      enumOf('Enum', undefined, 'InY'),
      { name: 'own', type: 'Enum' },
      { name: 'other', type: 'x.Enum' },
    ],
  };
  const { fields, name } = parsed({
    type: 'record',
    name: 'Top',
    namespace: 'x',
    fields: [
      enumOf('Enum', undefined, 'InX'),
      enumOf('Bare', '', 'InNone'),
      { name: 'inner', type: inner },
      { name: 'own', type: 'Enum' },
      { name: 'bare', type: ['null', 'Bare'] },
      { name: 'far', type: 'y.Enum' },
    ],
  });
  assert.equal(name, 'Top');
  const symbols = (type: WriterType | undefined): unknown => {
    if (type?.kind === 'enum') return type.symbols[0];
    if (type?.kind === 'record') return type.fields.map((field) => symbols(field.type));
    return type?.kind === 'union' ? type.branches.map(symbols) : undefined;
  };
  assert.deepEqual(
    fields.map((field) => symbols(field.type)),
    ['InX', 'InNone', ['InY', 'InY', 'InX'], 'InX', [undefined, 'InNone'], 'InY'],
  );
});

const record = (name: string, ...types: unknown[]) => ({
  type: 'record',
  name,
  fields: types.map((type, index) => ({ name: `f${index}`, type })),
});

/** Returns `r(…)` for each record in a type, and `R` for a recursive one. */
function recordsIn(type: WriterType): string {
  const parts = (types: readonly WriterType[]) => types.map(recordsIn).join('');
  switch (type.kind) {
    case 'record':
      return type.isRecursive ? 'R' : `r(${parts(type.fields.map((field) => field.type))})`;
    case 'union':
      return parts(type.branches);
    case 'array':
      return recordsIn(type.items);
    case 'map':
      return recordsIn(type.values);
    default:
      return '';
  }
}

const recursions: readonly (readonly [string, unknown, string])[] = [
  ['itself', record('A', ['null', 'A']), 'R'],
  ['itself in an array', record('A', { type: 'array', items: 'A' }), 'R'],
  ['itself through another record', record('A', record('B', { type: 'map', values: 'A' })), 'R'],
  ['a recursive record', record('A', record('B', ['null', 'B']), 'int'), 'r(R)'],
  ['a recursive record twice', record('A', record('B', ['null', 'B']), 'B'), 'r(RR)'],
  ['the same record twice', record('A', record('B', 'int'), 'B'), 'r(r()r())'],
  ['two records that contain each other', record('A', record('B', record('C', ['null', 'B'])), 'C'), 'r(RR)'],
  [
    'itself through a previously defined record',
    record('A', record('B', record('C', ['null', 'A'])), record('D', 'C')),
    'R',
  ],
  [
    'two cycles that share a record',
    record('A', record('B', ['null', 'B'], record('C', ['null', 'B', 'A']))),
    'R',
  ],
];
for (const [name, schema, expected] of recursions) {
  test(`parseWriterSchema marks the recursive records in a record that contains ${name}`, () =>
    assert.equal(recordsIn(typeOf(schema)), expected));
}

test("a field whose type is the message's own record is recursive", () => {
  const [next] = parsed(record('Node', ['null', 'Node'])).fields;
  assert.equal(next && recordsIn(next.type), 'R');
});

test('a record is recursive when its cycle passes through a previously defined record', () => {
  // X refers to A. Only after X is complete does A refer to O, which also contains B.
  const schema = record('O', record('A', record('X', ['null', 'A']), ['null', 'O']), record('B', 'X'));
  assert.deepEqual(recordsIn(typeOf(schema)), 'R');
  const [, b] = parsed(schema).fields;
  assert.equal(b && recordsIn(b.type), 'R');
});

/** Builds a record from nested records and references to records that were opened earlier. */
function someGraph(choices: readonly number[]): unknown {
  let next = 0;
  let count = 0;
  const choose = (below: number) => (choices[next++] ?? 0) % below;
  const build = (depth: number): unknown => {
    const name = `N${count++}`;
    const types = Array.from({ length: 1 + choose(3) }, () => {
      const isNew = depth < 5 && choose(2) === 0;
      return isNew ? build(depth + 1) : ['null', `N${choose(count)}`];
    });
    return record(name, ...types);
  };
  return build(0);
}

test('a record is recursive if and only if it can be reached from itself', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60), { maxLength: 60 }), (choices) => {
      const top = typeOf(someGraph(choices));
      const within = (type: WriterType): RecordType[] => {
        if (type.kind === 'union') return type.branches.flatMap(within);
        return type.kind === 'record' ? [type] : [];
      };
      const next = (type: RecordType) => type.fields.flatMap((field) => within(field.type));
      const reachable = (start: RecordType) => {
        const seen = new Set(next(start));
        for (const type of seen) for (const inner of next(type)) seen.add(inner);
        return seen;
      };
      assert.ok(top.kind === 'record');
      for (const type of [top, ...reachable(top)]) assert.equal(type.isRecursive, reachable(type).has(type));
    }),
    { numRuns: 500 },
  );
});

/** Returns nested records, each of which contains the previous one `times` times. */
function tower(levels: number, times: number): unknown {
  let fields: unknown[] = ['int'];
  let schema: unknown = record('L0', ...fields);
  for (let level = 1; level < levels; level++) {
    fields = [schema, ...Array.from({ length: times - 1 }, () => `L${level - 1}`)];
    schema = record(`L${level}`, ...fields);
  }
  return schema;
}

function nested(levels: number): unknown {
  let type: unknown = 'int';
  for (let level = 0; level < levels; level++) type = { type: 'array', items: type };
  return type;
}

/** Returns fields whose records each contain the record of the previous field. */
function chain(length: number): unknown {
  return Array.from({ length }, (_, level) => {
    return { name: `f${level}`, type: record(`L${level}`, level === 0 ? 'int' : `L${level - 1}`) };
  });
}

const top = (fields: unknown, more = {}) => ({ type: 'record', name: 'T', fields, ...more });
const refused: readonly (readonly [string, unknown, RegExp])[] = [
  ['a string', '"string"', /no|not an Avro record/],
  ['invalid JSON', '{', /^schema 7 is not JSON/],
  ['an array', '[]', /not an Avro record/],
  ['null', 'null', /not an Avro record/],
  ['an enum', { type: 'enum', name: 'E', symbols: ['A'] }, /not an Avro record/],
  ['a record without fields', { type: 'record', name: 'T' }, /list of fields/],
  ['a record without a name', { type: 'record', fields: [] }, /no valid Avro name/],
  ['a record with an invalid name', { type: 'record', name: 'a-b', fields: [] }, /no valid Avro name/],
  ['a field without a type', top([{ name: 'a' }]), /field a: not an Avro type/],
  ['a field without a name', top([{ type: 'int' }]), /a field without a name/],
  [
    'two fields with the same name',
    top([
      { name: 'a', type: 'int' },
      { name: 'a', type: 'long' },
    ]),
    /field a: two fields have this name/,
  ],
  [
    'an unknown type',
    top([{ name: 'a', type: { type: 'array', items: 'Money' } }]),
    /field a\[\]: the type "Money" is not defined/,
  ],
  [
    'a type used before its definition',
    top([
      { name: 'a', type: 'E' },
      { name: 'b', type: { type: 'enum', name: 'E', symbols: ['X'] } },
    ]),
    /"E" is not defined/,
  ],
  [
    'one name for two types',
    top([{ name: 'a', type: { type: 'fixed', name: 'T', size: 1 } }]),
    /two types have the name T/,
  ],
  ['a union in a union', top([{ name: 'a', type: ['int', ['null', 'string']] }]), /must not contain a union/],
  ['a union with null twice', top([{ name: 'a', type: ['null', 'null'] }]), /or two nulls/],
  ['an empty union', top([{ name: 'a', type: [] }]), /without branches/],
  [
    'an enum without symbols',
    top([{ name: 'a', type: { type: 'enum', name: 'E' } }]),
    /list of distinct symbols/,
  ],
  [
    'a fixed without a size',
    top([{ name: 'a', type: { type: 'fixed', name: 'F' } }]),
    /size of a fixed must be/,
  ],
  [
    'a fixed with a negative size',
    top([{ name: 'a', type: { type: 'fixed', name: 'F', size: -1 } }]),
    /size of a fixed must be/,
  ],
  [
    'a field with the name of a system column',
    top([{ name: '_version', type: 'long' }]),
    /field _version: the sink reserves.*rename/,
  ],
  [
    'an unknown primary key',
    top([{ name: 'a', type: 'int' }], { primaryKey: ['b'] }),
    /"primaryKey" must be/,
  ],
  [
    'a primary key that is not a list',
    top([{ name: 'a', type: 'int' }], { primaryKey: 'a' }),
    /"primaryKey" must be/,
  ],
  ['an empty primary key', top([{ name: 'a', type: 'int' }], { primaryKey: [] }), /"primaryKey" must be/],
  [
    'a primary key with a field twice',
    top([{ name: 'a', type: 'int' }], { primaryKey: ['a', 'a'] }),
    /"primaryKey" must be/,
  ],
  [
    'forty records that expand to 2^40 fields',
    top([{ name: 'a', type: tower(40, 2) }]),
    /more than 100000 types/,
  ],
  ['arrays nested 70 levels deep', top([{ name: 'a', type: nested(70) }]), /nested more than 64 levels deep/],
  [
    'records nested 70 levels deep',
    top([{ name: 'a', type: tower(70, 1) }]),
    /nested more than 64 levels deep/,
  ],
  [
    'records 70 levels deep that are defined side by side',
    top(chain(70)),
    /field f62\.f0: nested more than 64 levels deep/,
  ],
  [
    'a million opening brackets',
    `{"type":"record","name":"T","fields":[{"name":"a","type":${'['.repeat(1e6)}`,
    /is not JSON/,
  ],
  [
    '100,000 complete levels',
    `{"type":"record","name":"T","fields":[{"name":"a","type":${'{"type":"array","items":'.repeat(1e5)}"int"${'}'.repeat(1e5)}}]}`,
    /nested more than 64 levels deep/,
  ],
];
for (const [name, schema, message] of refused) {
  test(`parseWriterSchema rejects ${name}`, () => {
    const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
    assert.throws(
      () => parseWriterSchema(text, 'schema 7'),
      (error) => {
        assert.ok(error instanceof IncompatibleSchemaError);
        assert.match(error.message, /^schema 7/);
        assert.match(error.message, message);
        assert.ok(error.message.length < 500);
        return true;
      },
    );
  });
}

test('parseWriterSchema accepts a schema of the maximum depth', () => {
  assert.equal(typeOf(nested(62)).kind, 'array');
});

test('parseWriterSchema keeps docs, defaults and the primary key', () => {
  const schema = parsed(
    top(
      [
        { name: 'a', type: 'int', doc: 'An id.' },
        { name: 'b', type: 'string', default: 5 },
      ],
      { doc: 'All.', primaryKey: ['b', 'a'] },
    ),
  );
  assert.deepEqual(schema, {
    name: 'T',
    doc: 'All.',
    primaryKey: ['b', 'a'],
    fields: [
      { name: 'a', type: { kind: 'int' }, doc: 'An id.' },
      { name: 'b', type: { kind: 'string' }, default: 5 },
    ],
  });
  assert.equal(parsed(top([])).primaryKey, undefined);
});
