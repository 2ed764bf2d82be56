import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { KeyTable } from '../../../../producers/state/key-table.ts';

const hashes = [1n, 2n, 2n << 32n].map((bits) => {
  const hash = Buffer.alloc(8);
  hash.writeBigUInt64LE(bits);
  return hash;
});
const [one, two, far] = hashes as [Buffer, Buffer, Buffer];

/** Enough keys that every segment of a table grows several times. */
const keys = Array.from({ length: 3_000 }, (_, index) => (index === 0 ? '' : `cus_${index}-é`));

interface Entry {
  readonly hash: Buffer;
  readonly isSeen: boolean;
}
type Model = Map<string, Entry>;
type Step = (table: KeyTable, model: Model, key: string, hash: Buffer) => void;

const steps: Readonly<Record<string, Step>> = {
  set: (table, model, key, hash) => {
    table.set(key, hash);
    model.set(key, { hash, isSeen: model.get(key)?.isSeen ?? false });
  },
  delete: (table, model, key) => {
    table.delete(key);
    model.delete(key);
  },
  see: (table, model, key) => {
    table.see(key);
    const entry = model.get(key);
    if (entry) model.set(key, { ...entry, isSeen: true });
  },
  compare: (table, _model, key, hash) => {
    table.compare(key, hash);
    table.has(key);
    table.isSeen(key);
  },
};

function assertSame(table: KeyTable, model: Model): void {
  assert.equal(table.size, model.size);
  assert.equal(table.unseen, [...model.values()].filter(({ isSeen }) => !isSeen).length);
  for (const key of keys) {
    const entry = model.get(key);
    assert.equal(table.has(key), entry !== undefined, key);
    assert.equal(table.isSeen(key), entry?.isSeen ?? false, key);
    for (const hash of hashes) {
      const known = entry?.hash === hash ? 'unchanged' : 'changed';
      assert.equal(table.compare(key, hash), entry === undefined ? 'new' : known, key);
    }
  }
}

test('the table behaves like a map after any sets, deletes and marks of seen keys', () => {
  const range = fc.record({
    step: fc.constantFrom(...Object.keys(steps)),
    first: fc.nat(keys.length - 1),
    count: fc.oneof(fc.constant(1), fc.nat(keys.length)),
    hash: fc.constantFrom(...hashes),
  });
  const sequence = fc.array(fc.oneof({ weight: 12, arbitrary: range }, fc.constant('unsee all')), {
    minLength: 4,
    maxLength: 24,
  });
  fc.assert(
    fc.property(sequence, (operations) => {
      const table = new KeyTable();
      const model: Model = new Map();
      for (const operation of operations) {
        if (typeof operation === 'string') {
          table.unseeAll();
          for (const [key, entry] of model) model.set(key, { ...entry, isSeen: false });
          continue;
        }
        const { step, first, count, hash } = operation;
        for (const key of keys.slice(first, first + count)) steps[step]?.(table, model, key, hash);
      }
      assertSame(table, model);
    }),
    { numRuns: 50 },
  );
});

test('a string and its UTF-8 bytes are the same key', () => {
  const table = new KeyTable();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) => {
      table.set(key, one);
      table.set(Buffer.from(key), two);
      assert.equal(table.compare(key, two), 'unchanged');
      table.delete(Buffer.from(key));
      assert.equal(table.size, 0);
    }),
  );
});

test('a key that was seen twice counts once', () => {
  const table = new KeyTable();
  for (const key of ['a', 'b']) table.set(key, one);
  for (const key of ['a', 'a', 'not there']) table.see(key);
  assert.deepEqual({ unseen: table.unseen, size: table.size }, { unseen: 1, size: 2 });
});

test('a key stays seen when its record changes, but not when it returns after a delete', () => {
  const table = new KeyTable();
  table.set('a', one);
  table.see('a');
  table.set('a', two);
  assert.deepEqual({ isSeen: table.isSeen('a'), unseen: table.unseen }, { isSeen: true, unseen: 0 });
  table.delete('a');
  table.set('a', two);
  assert.deepEqual({ isSeen: table.isSeen('a'), unseen: table.unseen }, { isSeen: false, unseen: 1 });
});

test('a hash counts as changed if either half differs', () => {
  const table = new KeyTable();
  table.set('a', one);
  const other = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0]);
  assert.deepEqual(
    [one, two, far, other].map((hash) => table.compare('a', hash)),
    ['unchanged', 'changed', 'changed', 'changed'],
  );
});

test('the table keeps no reference to the hash passed to it', () => {
  const table = new KeyTable();
  const hash = Buffer.from(one);
  table.set('a', hash);
  hash.fill(9);
  assert.equal(table.compare('a', one), 'unchanged');
});

test('a hash that is too short is rejected and leaves the table unchanged', () => {
  const table = new KeyTable();
  assert.throws(() => table.set('a', Buffer.alloc(7)), RangeError);
  assert.deepEqual(
    { size: table.size, unseen: table.unseen, hasKey: table.has('a') },
    { size: 0, unseen: 0, hasKey: false },
  );
});

test('deleted keys free their memory for later keys', () => {
  const table = new KeyTable();
  for (let round = 0; round < 100; round++) {
    for (let index = 0; index < 1_000; index++) table.set(`${round}/${index}`, one);
    for (let index = 0; index < 1_000; index++) table.delete(`${round}/${index}`);
  }
  assert.equal(table.size, 0);
  assert.ok(table.bytes < 100_000, `the table uses ${table.bytes} bytes`);
});

test('a million keys use 24 to 36 bytes each, from 50,000 keys on', () => {
  const table = new KeyTable();
  const bytesPerKey: number[] = [];
  for (let index = 0; index < 1_000_000; index++) {
    table.set(`cus_${index}`, one);
    if (table.size >= 50_000 && table.size % 2_000 === 0) bytesPerKey.push(table.bytes / table.size);
  }
  const [least, most] = [Math.min(...bytesPerKey), Math.max(...bytesPerKey)];
  assert.ok(least >= 24 && most <= 36, `${least} to ${most} bytes per key`);
  assert.equal(table.size, 1_000_000);
});

test('the table grows rarely and never by more than a hundredth', () => {
  const table = new KeyTable();
  const keyCount = 20_000;
  for (let index = 0; index < keyCount; index++) {
    table.set(`gone_${index}`, one);
    table.delete(`gone_${index}`);
  }
  let growths = 0;
  for (let index = 0, bytes = table.bytes; index < keyCount; index++) {
    table.set(`cus_${index}`, one);
    if (table.bytes === bytes) continue;
    assert.ok(table.bytes - bytes < table.bytes / 100, `grew from ${bytes} to ${table.bytes} bytes`);
    bytes = table.bytes;
    growths++;
  }
  assert.ok(growths < keyCount / 4, `the table grew ${growths} times`);
});

test("the table recognizes the text of a key's last message while the key exists", () => {
  const table = new KeyTable();
  const textOf = (index: number) => Buffer.from(`text${String(index).padStart(4, '0')}`).toString('latin1');
  for (let index = 0; index < 5_000; index++) table.set(`cus_${index}`, one, textOf(index));
  for (let index = 0; index < 5_000; index++) {
    assert.ok(table.holdsText(`cus_${index}`, textOf(index)));
    assert.ok(!table.holdsText(`cus_${index}`, textOf(index + 1)));
  }
  table.set('cus_1', one);
  table.delete('cus_2');
  for (const key of ['cus_1', 'cus_2', 'other']) assert.ok(!table.holdsText(key, textOf(Number(key.at(-1)))));
  assert.ok(!table.holdsText('cus_1', '\0'.repeat(8)));
});
