import assert from 'node:assert/strict';
import test from 'node:test';
import { adviceOf } from '../../../core/remedy.ts';

const cases: readonly (readonly [text: string, message: string, remedy?: string])[] = [
  ['no table yet; run `npm run sink`', 'no table yet', 'run `npm run sink`'],
  ['a: b; c; check the key', 'a: b; c', 'check the key'],
  ['SHOW_PORT must be a port; got "x"', 'SHOW_PORT must be a port; got "x"'],
  ['Kafka does not respond', 'Kafka does not respond'],
];
for (const [text, message, remedy] of cases)
  test(`adviceOf splits "${text}" at its remedy`, () => {
    assert.deepEqual(adviceOf(text), { message, remedy });
  });
