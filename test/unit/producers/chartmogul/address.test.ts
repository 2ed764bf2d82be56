import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressOf } from '../../../../producers/chartmogul/address.ts';

const templates = [
  '/plans/{key}',
  '/customers/{key}/subscriptions',
  '/a/.{key}',
  '/a/%2e{key}/b',
  '/a/{key}.json',
];
const pieces = [
  '.',
  '..',
  '%2e',
  '%2E',
  '%252e',
  '/',
  '\\',
  '?',
  '#',
  '$&',
  'a',
  'ü',
  ' ',
  '\t',
  ';',
  '\ud800',
];
const keys = fc.oneof(
  fc.string(),
  fc.array(fc.constantFrom(...pieces), { maxLength: 5 }).map((parts) => parts.join('')),
);

test('a key never changes the address around it, and different keys have different addresses', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...templates), keys, keys, (template, key, other) => {
      const path = addressOf(template, 'key', key);
      if (path === undefined) {
        refused++;
        return;
      }
      const { pathname, search, hash } = new URL(`http://source.invalid/v1${path}`);
      assert.deepEqual({ pathname, search, hash }, { pathname: `/v1${path}`, search: '', hash: '' });
      const [before = '', after = ''] = template.split('{key}');
      assert.ok(path.startsWith(before) && path.endsWith(after));
      assert.equal(decodeURIComponent(path.slice(before.length, path.length - after.length)), key);
      assert.equal(addressOf(template, 'key', other) === path, key === other);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(refused > 20, `only ${refused} keys were rejected`);
});

for (const key of ['.', '..', '', '\ud800', 'a\udc00'])
  test(`the key ${JSON.stringify(key)} has no address`, () =>
    assert.equal(addressOf('/plans/{key}', 'key', key), undefined));

test('a key that only resembles a dot segment has an address', () => {
  for (const key of ['...', '.a', 'a.', '%2e', '%2e%2e', '../x', 'a/../b'])
    assert.equal(addressOf('/plans/{key}', 'key', key), `/plans/${encodeURIComponent(key)}`);
});
