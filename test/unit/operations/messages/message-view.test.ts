import assert from 'node:assert/strict';
import test from 'node:test';
import { shownBytes } from '../../../../operations/messages/message-view.ts';

const cases: readonly (readonly [
  what: string,
  bytes: Buffer,
  max: number,
  shown: { text: string; isHex: boolean; isCut: boolean },
])[] = [
  ['text', Buffer.from('cus_ä'), 100, { text: 'cus_ä', isHex: false, isCut: false }],
  ['an empty value', Buffer.alloc(0), 100, { text: '', isHex: false, isCut: false }],
  ['lines of text', Buffer.from('a\tb\r\nc'), 100, { text: 'a\tb\r\nc', isHex: false, isCut: false }],
  [
    'a framed key',
    Buffer.from([0, 0, 0, 0, 7, 65]),
    100,
    { text: '000000000741', isHex: true, isCut: false },
  ],
  ['bytes that are not UTF-8', Buffer.from([0xff, 0x41]), 100, { text: 'ff41', isHex: true, isCut: false }],
  [
    'a terminal escape sequence',
    Buffer.from('\u001b[2J'),
    100,
    { text: '1b5b324a', isHex: true, isCut: false },
  ],
  ['text cut within a character', Buffer.from('aä€'), 4, { text: 'aä', isHex: false, isCut: true }],
  ['bytes that are cut', Buffer.from([0, 1, 2, 3]), 2, { text: '0001', isHex: true, isCut: true }],
];
for (const [what, bytes, max, shown] of cases) {
  test(`shownBytes shows ${what}`, () => {
    assert.deepEqual(shownBytes(bytes, max), shown);
  });
}
