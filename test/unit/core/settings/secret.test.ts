import assert from 'node:assert/strict';
import test from 'node:test';
import { format, inspect } from 'node:util';
import { Secret } from '../../../../core/settings/secret.ts';

const secret = new Secret('s3cret');
const ways: readonly (readonly [string, () => string])[] = [
  ['String()', () => String(secret)],
  ['JSON', () => JSON.stringify({ secret })],
  ['inspect', () => inspect({ secret }, { showHidden: true, depth: 9, customInspect: false })],
  ['format', () => format('%s %o %j', secret, secret, secret)],
  ['its properties', () => JSON.stringify(Object.entries(secret))],
];
for (const [name, text] of ways) {
  test(`a secret is hidden from ${name}`, () => assert.doesNotMatch(text(), /s3cret/));
}

test('reveal returns the secret', () => assert.equal(secret.reveal(), 's3cret'));
