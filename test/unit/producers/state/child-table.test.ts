import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ChildTable } from '../../../../producers/state/child-table.ts';

/** Enough keys that every segment of a table grows several times. */
const keys = Array.from({ length: 3_000 }, (_, index) => (index === 0 ? '' : `sub_${index}-é🦔`));
const parents = ['', 'cus_1', 'cus_ü', '客户', 'cus_1\0', 'x'.repeat(300)];

interface Model {
  readonly parentOf: Map<string, string>;
  readonly living: Set<string>;
}
type Step = (table: ChildTable, model: Model, key: string, parent: string) => void;

const steps: Readonly<Record<string, Step>> = {
  'set under one parent': (table, { parentOf }, key, parent) => {
    table.set(key, parent);
    parentOf.set(key, parent);
  },
  'set under its own parent': (table, { parentOf }, key, parent) => {
    const own = `${parent}/${key}`;
    table.set(Buffer.from(key), Buffer.from(own));
    parentOf.set(key, own);
  },
  'parent lives': (table, { living }, _key, parent) => {
    table.live(parent);
    living.add(parent);
  },
  'own parent lives': (table, { living }, key, parent) => {
    const own = `${parent}/${key}`;
    table.live(own);
    living.add(own);
  },
};

function assertSame(
  table: ChildTable,
  { parentOf, living }: Model,
  others: readonly string[] = parents,
): void {
  const listed = new Map<string, string[]>(others.map((parent) => [parent, []]));
  for (const [key, parent] of parentOf) {
    const children = listed.get(parent);
    if (children) children.push(key);
    else listed.set(parent, [key]);
  }
  assert.equal(table.size, parentOf.size);
  for (const [parent, children] of listed)
    assert.deepEqual(table.of(parent).sort(), children.sort(), `the children of ${parent} are wrong`);
  const orphans = [...parentOf].filter(([, parent]) => !living.has(parent)).map(([key]) => key);
  assert.deepEqual([...table.orphans()].sort(), orphans.sort());
}

test('the table behaves like a map after any sets, moves and marks of living parents', () => {
  const range = fc.record({
    step: fc.constantFrom(...Object.keys(steps)),
    first: fc.nat(keys.length - 1),
    count: fc.oneof(fc.constant(1), fc.nat(60), fc.nat(keys.length)),
    parent: fc.constantFrom(...parents),
  });
  fc.assert(
    fc.property(fc.array(range, { minLength: 2, maxLength: 14 }), (operations) => {
      const table = new ChildTable();
      const model: Model = { parentOf: new Map(), living: new Set() };
      for (const { step, first, count, parent } of operations)
        for (const key of keys.slice(first, first + count)) steps[step]?.(table, model, key, parent);
      assertSame(table, model);
    }),
    { numRuns: 60 },
  );
});

test('keys and parents are distinguished at every step', () => {
  const few = (...words: string[]): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...words) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    );
  const call = fc.record({
    key: few('', 'a', 'b', 'é', '🦔'),
    parent: few('', 'a', '客'),
    isLiving: fc.nat(7).map((number) => number === 0),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 24 }), (calls) => {
      const table = new ChildTable();
      const model: Model = { parentOf: new Map(), living: new Set() };
      for (const { key, parent, isLiving } of calls) {
        if (isLiving) steps['parent lives']?.(table, model, key, parent);
        else steps['set under one parent']?.(table, model, key, parent);
        assertSame(
          table,
          model,
          calls.map((each) => each.parent),
        );
      }
    }),
    { numRuns: 150 },
  );
});

test('a string and its UTF-8 bytes are the same key and the same parent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, parent) => {
      const table = new ChildTable();
      table.set(key, 'another parent');
      table.set(Buffer.from(key), Buffer.from(parent));
      table.set(key, parent);
      assert.deepEqual(
        { size: table.size, children: table.of(parent), others: table.of('another parent') },
        { size: 1, children: [key], others: [] },
      );
      table.live(parent);
      assert.deepEqual([...table.orphans()], []);
    }),
  );
});

test('children that move leave the list of their old parent immediately, in any order', () => {
  const children = ['a', 'b', 'c'];
  for (const text of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
    const order = Array.from(text);
    const table = new ChildTable();
    for (const key of children) table.set(key, 'old');
    for (const [index, key] of order.entries()) {
      table.set(key, 'new');
      const gone = order.slice(0, index + 1);
      const stayed = children.filter((child) => !gone.includes(child));
      assert.deepEqual(
        { old: table.of('old').sort(), new: table.of('new').sort(), size: table.size },
        { old: stayed, new: gone.sort(), size: 3 },
      );
    }
  }
});

test('a parent that was alive before it had children has no orphans', () => {
  const table = new ChildTable();
  table.live('cus_1');
  table.set('a', 'cus_1');
  table.set('b', 'cus_2');
  assert.deepEqual([...table.orphans()], ['b']);
  table.set('b', 'cus_1');
  assert.deepEqual([...table.orphans()], []);
});

test('keys of any length are kept, even those longer than a chunk', () => {
  const lengths = [0, 1, 253, 254, 255, 256, 16_377, 16_378, 16_379, 16_383, 16_384, 200_000];
  const texts = lengths.flatMap((length) => ['a', 'b'].map((end) => 'x'.repeat(length) + end));
  const table = new ChildTable();
  for (const text of [...texts, '', ...texts]) table.set(text, 'parent');
  const expected = [...texts, ''].sort();
  assert.equal(table.size, expected.length);
  assert.ok(
    table.of('parent').sort().join('\n') === expected.join('\n'),
    'a key was read back as another key',
  );
});

test('keys with the same 32-bit FNV-1a hash are different keys', () => {
  const words = ['declinate', 'macallums'];
  const table = new ChildTable();
  for (const word of [...words, ...words]) table.set(word, `parent of ${word}`);
  assert.deepEqual(
    [table.size, ...words.map((word) => table.of(`parent of ${word}`))],
    [2, ...words.map((word) => [word])],
  );
});

test('the table keeps no reference to the bytes passed to it', () => {
  const table = new ChildTable();
  const [key, parent] = [Buffer.from('key'), Buffer.from('parent')];
  table.set(key, parent);
  key.fill(0);
  parent.fill(0);
  assert.deepEqual(table.of('parent'), ['key']);
});

test('children that move between the same parents use no more memory', () => {
  const table = new ChildTable();
  const setAll = (round: number): void => {
    for (const key of keys) table.set(key, round % 2 === 0 ? 'even' : 'odd');
  };
  for (let round = 0; round < 2; round++) setAll(round);
  const { bytes } = table;
  for (let round = 2; round < 20; round++) setAll(round);
  assert.deepEqual(
    { bytes: table.bytes, odd: table.of('odd').length, even: table.of('even').length },
    { bytes, odd: keys.length, even: 0 },
  );
});

/** Adds a child with its own parent. The keys are as long as subscription and customer keys. */
function setOwn(table: ChildTable, index: number): void {
  const digits = String(index).padStart(8, '0');
  table.set(`sub_${digits}`, `cus_${digits}-0000-0000-0000-000000000000`);
}

test('200,000 children with separate parents use 48 to 64 bytes each, from 50,000 children on', () => {
  const table = new ChildTable();
  const bytesPerChild: number[] = [];
  for (let index = 0; index < 200_000; index++) {
    setOwn(table, index);
    if (table.size >= 50_000 && table.size % 500 === 0) bytesPerChild.push(table.bytes / table.size);
  }
  const [least, most] = [Math.min(...bytesPerChild), Math.max(...bytesPerChild)];
  assert.ok(least >= 48 && most <= 64, `${least} to ${most} bytes per child`);
  assert.equal(table.size, 200_000);
});

test('a table of 20,000 or more children never grows by a tenth for a single child', () => {
  const table = new ChildTable();
  for (let index = 0; index < 30_000; index++) {
    const { bytes } = table;
    setOwn(table, index);
    if (table.size < 20_000 || table.bytes === bytes) continue;
    assert.ok(table.bytes - bytes < bytes / 10, `the table grew from ${bytes} to ${table.bytes} bytes`);
  }
});
