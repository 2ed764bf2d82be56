import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { ConfigError } from '../../../../core/errors.ts';
import { isProducedName } from '../../../../core/stream-name.ts';
import { parseCustomStreams } from '../../../../producers/chartmogul/custom-streams.ts';
import { streams } from '../../../../producers/chartmogul/streams.ts';

type Json = Record<string, unknown>;

const simple = { name: 'credit_notes', path: '/credit_notes', primaryKey: 'uuid' };
const ofCustomers = { stream: 'customers', field: 'customer_uuid' };
const childPath = '/customers/{customer_uuid}/credit_notes';
const parse = (...list: unknown[]) => parseCustomStreams(list, streams);

test('a minimal entry reads a list under "entries" and detects the paging', () => {
  assert.deepEqual(parse(simple), [
    {
      name: 'credit_notes',
      paths: ['/credit_notes'],
      listKey: 'entries',
      paging: 'detect',
      primaryKey: ['uuid'],
      deletes: { proof: 'twice' },
    },
  ]);
});

test('every option of an entry is used', () => {
  const entry = {
    name: 'credit_notes',
    path: childPath,
    listKey: 'credit_notes',
    paging: 'start-after',
    primaryKey: ['customer_uuid', 'uuid'],
    query: { with_disabled: true, per: 5, kind: 'all' },
    parent: { ...ofCustomers, visit: 'all' },
  };
  const { path, ...same } = entry;
  assert.deepEqual(parse(entry), [{ ...same, paths: [path], deletes: { proof: 'twice' } }]);
});

test('parents are visited after changes unless the entry specifies otherwise', () => {
  assert.deepEqual(parse({ ...simple, path: childPath, parent: ofCustomers })[0]?.parent, {
    ...ofCustomers,
    visit: 'changed',
  });
});

test('a null listKey means that the response is the record itself', () => {
  assert.equal(parse({ ...simple, listKey: null, paging: 'none' })[0]?.listKey, null);
});

test('the parent of a stream can be listed after the stream', () => {
  const child = { ...simple, path: '/a/{a}', parent: { stream: 'later', field: 'a' } };
  const names = parse(child, { ...simple, name: 'later' }).map(({ name }) => name);
  assert.deepEqual(names, ['credit_notes', 'later']);
});

const withParent = (stream: string, name = 'credit_notes') => ({
  ...simple,
  name,
  path: '/x/{x}',
  parent: { stream, field: 'x' },
});

const wrongLists: readonly (readonly [string, readonly unknown[], RegExp])[] = [
  ['a string', ['x'], /streams\[0\] must be an object.*; got "x"$/],
  ['a list', [['s3cret']], /streams\[0\] must be an object.*; got a list$/],
  ['null', [null], /streams\[0\] must be an object.*; got null$/],
  [
    'an unknown key',
    [simple, { ...simple, pagging: 's3cret' }],
    /streams\[1\] must have only the keys .*; got "pagging"$/,
  ],
  [
    'an unknown key of parent',
    [{ ...simple, parent: { visits: 1 } }],
    /parent must have only the keys .*; got "visits"$/,
  ],
  [
    'a duplicate stream name',
    [simple, simple],
    /\[1\]\.name must be a name that no other stream, topic or view has; got "credit_notes"$/,
  ],
  [
    'a stream that is its own parent',
    [withParent('credit_notes')],
    /\[0\]\.parent\.stream must be a stream that is not its own ancestor; got "credit_notes"$/,
  ],
  [
    'a cycle of two streams',
    [withParent('b', 'a'), withParent('a', 'b')],
    /\[0\]\.parent\.stream must be a stream that is not its own ancestor; got "b"$/,
  ],
  [
    'a cycle among the ancestors',
    [withParent('b', 'a'), withParent('c', 'b'), withParent('b', 'c')],
    /\[0\]\.parent\.stream must be a stream that is not its own ancestor; got "b"$/,
  ],
];
for (const [what, list, message] of wrongLists) {
  test(`${what} in the list of streams is rejected with a one-line error that names its position`, () => {
    assertRefused(list, message);
  });
}

const long = `/${'x'.repeat(5000)}?`;
const wrongEntries: readonly (readonly [Json, RegExp])[] = [
  [{ name: undefined }, /\.name must be a name; got nothing$/],
  [{ name: 7 }, /\.name must be .*; got 7$/],
  [{ name: 'Credit-Notes' }, /\.name must be a lowercase letter.*; got "Credit-Notes"$/],
  [{ name: 'dead-letters' }, /\.name must be a lowercase letter.*; got "dead-letters"$/],
  [{ name: 'customers_raw' }, /\.name must be a name that does not end.*; got "customers_raw"$/],
  ...['customers', 'runs', 'checkpoints', 'line_items', 'transactions', 'subscriptions', 'sources'].map(
    (name) => [{ name }, /\.name must be a name that no other stream, topic or view has; got ".*"$/] as const,
  ),
  [{ path: undefined }, /\.path must be a path.*; got nothing$/],
  ...[
    'notes',
    '',
    '/a?b=1',
    '/a#b',
    '/../a',
    '/a/..',
    '/%2e%2E/a',
    '/.%2e',
    '/./a',
    '/a/%2e',
    '/a b',
    '/a\tb',
    '/a\n',
    '/a\\b',
  ].map((path) => [{ path }, /\.path must be a path such as.*; got ".*"$/] as const),
  [{ path: '/a/{b}' }, /\.path must be a path without braces.*; got "\/a\/{b}"$/],
  [{ path: '/a}' }, /\.path must be a path without braces.*; got "\/a}"$/],
  [{ parent: ofCustomers }, /\.path must be a path with {customer_uuid} once.*; got ".*"$/],
  [
    { parent: ofCustomers, path: '/{customer_uuid}/{customer_uuid}' },
    /\.path must be a path with {customer_uuid} once.*; got ".*"$/,
  ],
  [
    { parent: ofCustomers, path: '/{customer_uuid}/{uuid}' },
    /\.path must be .* no other braces.*; got ".*"$/,
  ],
  [{ path: long }, /\.path must be a path.*; got ".{70,80}…/],
  [{ listKey: '' }, /\.listKey must be the key.*; got ""$/],
  [{ listKey: ['s3cret'] }, /\.listKey must be .*; got a list$/],
  [{ paging: 'x' }, /^CONFIG_FILE: streams\[0\]\.paging must be one of detect, start-after, none; got "x"/],
  [{ paging: { s3cret: 1 } }, /\.paging must be one of.*; got an object$/],
  [{ paging: 'start-after', listKey: null }, /\.paging must be "none".*; got "start-after"$/],
  [{ primaryKey: undefined }, /\.primaryKey must be .*; got nothing$/],
  [{ primaryKey: [] }, /\.primaryKey must be a field or a list.*; got a list$/],
  [{ primaryKey: ['uuid', 1] }, /\.primaryKey\[1\] must be the name of a field.*; got 1$/],
  [{ primaryKey: ['uuid', 'a.b'] }, /\.primaryKey\[1\] must be the name of a field.*; got "a.b"$/],
  [{ primaryKey: '_version' }, /\.primaryKey must be the name.*; got "_version"$/],
  [{ primaryKey: 'x'.repeat(101) }, /\.primaryKey must be the name.*; got "x+…/],
  [{ primaryKey: ['a', 'b', 'a'] }, /\.primaryKey must be .* each once; got "a"$/],
  [{ query: ['s3cret'] }, /\.query must be an object.*; got a list$/],
  [{ query: { a: 1, 'b c': null } }, /\.query\["b c"\] must be text.*; got null$/],
  [{ query: { a: { s3cret: 1 } } }, /\.query\["a"\] must be text.*; got an object$/],
  [{ query: { a: Infinity } }, /\.query\["a"\] must be text.*; got Infinity$/],
  [{ parent: 'customers' }, /\.parent must be an object.*; got "customers"$/],
  [{ parent: { field: 'a' } }, /\.parent\.stream must be .*; got nothing$/],
  [{ parent: { stream: 'customers' } }, /\.parent\.field must be .*; got nothing$/],
  [
    { parent: { ...ofCustomers, field: 'customer-uuid' } },
    /\.parent\.field must be .*; got "customer-uuid"$/,
  ],
  [
    { parent: { ...ofCustomers, visit: 'never' } },
    /\.parent\.visit must be one of changed, all; got "never"/,
  ],
  [
    { path: '/a/{a}', parent: { stream: 'none', field: 'a' } },
    /\.parent\.stream must be a stream.*; got "none"$/,
  ],
];
for (const [change, message] of wrongEntries) {
  test(`a stream with ${inspect(change, { breakLength: Infinity }).slice(0, 80)} causes a one-line error`, () => {
    assertRefused([{ ...simple, ...change }], message);
  });
}

function assertRefused(list: readonly unknown[], message: RegExp): void {
  assert.throws(
    () => parse(...list),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      assertHelpful(error.message);
      return true;
    },
  );
}

function assertHelpful(message: string): void {
  assert.match(message, /^CONFIG_FILE: streams\[\d+\].* must (be|have) .*; got /);
  assert.doesNotMatch(message, /[\n\r]|s3cret/);
  assert.ok(message.length < 400, message);
}

/** Generates mostly valid values, so that every rule is reached, and sometimes invalid ones. */
const mostly = <T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<unknown> = fc.jsonValue()) =>
  fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: wrong });
const names = mostly(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  fc.constantFrom('customers', 'runs', 'a_raw', 'A', ''),
);
const queries = fc.dictionary(fc.string(), mostly(fc.oneof(fc.string(), fc.double(), fc.boolean())));
const parents = fc.record({
  stream: fc.oneof(fc.constant('customers'), names),
  field: mostly(fc.constant('x')),
  visit: mostly(fc.constantFrom('changed', 'all')),
});
const rest = {
  name: names,
  primaryKey: mostly(
    fc.constantFrom('uuid', ['uuid'], ['x', 'uuid']),
    fc.constantFrom([], ['x', 'x'], ['-']),
  ),
  listKey: mostly(fc.constantFrom('entries', null)),
  paging: mostly(fc.constantFrom('detect', 'none'), fc.constant('start-after')),
};
const paths = (right: string) => mostly(fc.constant(right), fc.constantFrom('/{x}/{x}', '/..', '/{y}', long));
const entries = mostly(
  fc.oneof(
    fc.record({ ...rest, path: paths('/a') }),
    fc.record({ ...rest, path: paths('/a'), query: mostly(queries) }),
    fc.record({ ...rest, path: paths('/a/{x}'), parent: mostly(parents) }),
  ),
);

test('any list becomes valid streams or causes a helpful one-line error', () => {
  let accepted = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 4 }), (list) => {
      let specs;
      try {
        specs = parse(...list);
      } catch (error) {
        assert.ok(error instanceof ConfigError, inspect(error));
        assertHelpful(error.message);
        refused++;
        return;
      }
      accepted += specs.length;
      assert.equal(specs.length, list.length);
      const all = new Map([...streams, ...specs].map((spec) => [spec.name, spec]));
      assert.equal(all.size, streams.length + specs.length);
      for (const { name, paths, primaryKey, parent } of specs) {
        assert.ok(isProducedName(name) && (primaryKey?.length ?? 0) > 0);
        const path = paths[0].replace(`{${parent?.field ?? ''}}`, 'key');
        assert.equal(new URL(`http://h/v1${path}`).pathname, `/v1${path}`);
        let generations = 0;
        for (let up = parent; up !== undefined; up = all.get(up.stream)?.parent) {
          assert.ok(all.has(up.stream) && generations++ < all.size);
        }
      }
    }),
    { numRuns: 1500 },
  );
  assert.ok(accepted > 100 && refused > 100, `${accepted} streams accepted, ${refused} lists refused`);
});

test('JSON of any shape causes no errors other than ConfigError', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (list) => {
      try {
        parse(...list);
      } catch (error) {
        assert.ok(error instanceof ConfigError, inspect(error));
      }
    }),
  );
});
