import assert from 'node:assert/strict';
import test from 'node:test';
import { parseDotEnv } from '../../../../core/settings/dot-env.ts';

const files: readonly (readonly [text: string, values: Record<string, string>])[] = [
  ['A=a#b', { A: 'a#b' }],
  ['A=a#b#c # why', { A: 'a#b#c' }],
  ['A=a #b', { A: 'a' }],
  ['A=a\t#b', { A: 'a' }],
  ['A = a#b\r\nB=2\r\n', { A: 'a#b', B: '2' }],
  ['export A=a#b', { A: 'a#b' }],
  ['A="a#b" # why', { A: 'a#b' }],
  ["A='a #b'", { A: 'a #b' }],
  ['A=#b', { A: '' }],
  ['# A=a#b', {}],
  ['A="first\nB=x#y\nlast"', { A: 'first\nB=x#y\nlast' }],
  ['A=1\nA=a#b', { A: 'a#b' }],
  ['A=a=b#c', { A: 'a=b#c' }],
];
for (const [text, values] of files) {
  test(`parseDotEnv reads ${JSON.stringify(text)} as ${JSON.stringify(values)}`, () => {
    assert.deepEqual(parseDotEnv(text), values);
  });
}
