import assert from 'node:assert/strict';
import test from 'node:test';
import { prettyJson } from '../../../../operations/dead-letters/exact-json.ts';
import {
  deadLetterDetails,
  deadLetterTable,
  foldLines,
  hexDump,
  NONE_PENDING,
  totalLines,
} from '../../../../operations/dead-letters/text.ts';
import { deadLetterOf, sinkHeaders } from '../../../helpers/dead-letters.ts';

test('the table and details of dead letters fit the width and contain no control characters', () => {
  const deadLetters = [
    deadLetterOf({
      ...sinkHeaders,
      reason: `${'very '.repeat(100)}long`,
      stream: 'customer_subscriptions',
      topic: 'test.customer_subscriptions',
    }),
    deadLetterOf({ ...sinkHeaders, reason: 'red\u001b[31m\u202e', state: 'redriven' }),
  ];
  const lines = deadLetterTable(deadLetters, 80).split('\n');
  assert.equal(lines.length, 3);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.doesNotMatch(deadLetterTable(deadLetters, 200), /[\u001b\u202e]/);
  assert.deepEqual(totalLines(deadLetters, 1).split('\n'), [
    '1 × customer_subscriptions  sink  ETL_DECODE',
    '1 × plans  sink  ETL_DECODE',
    '1 dead letter pending, 1 redriven, 1 not shown: --limit 2 shows all',
  ]);
  assert.equal(totalLines([], 0), NONE_PENDING);
  const details = deadLetterDetails(deadLetters[0] ?? deadLetterOf(), 80);
  assert.ok(details.split('\n').every((line) => line.length <= 80));
  assert.equal(details.match(/very/g)?.length, 100);
  assert.doesNotMatch(deadLetterDetails(deadLetters[1] ?? deadLetterOf(), 80), /[\u001b\u202e]/);
});

test('hexDump shows 16 bytes per line, up to 4 KiB', () => {
  assert.equal(
    hexDump(Buffer.from('\0abcdefghijklmno~\x7f')),
    [
      '00000000  00 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f  |.abcdefghijklmno|',
      `00000010  7e 7f${' '.repeat(42)}  |~.|`,
    ].join('\n'),
  );
  const long = hexDump(Buffer.alloc(5_096)).split('\n');
  assert.deepEqual({ lines: long.length, last: long.at(-1) }, { lines: 257, last: '… and 1,000 bytes more' });
});

test('prettyJson keeps every digit, and rejects invalid or very deeply nested JSON', () => {
  assert.equal(prettyJson('{"a":9007199254740993,"b":0.10,"a":1e999}'), '{\n  "a": 1e999,\n  "b": 0.10\n}');
  assert.throws(() => prettyJson('{'), SyntaxError);
  assert.throws(() => prettyJson('['.repeat(100_000)), /nested thousands of levels deep/);
});

test('foldLines indents continuation lines and keeps every word', () => {
  assert.equal(foldLines('abcdefghij', 8), 'abcdefgh\n    ij');
  const text = `a1b2c3d4  plans  sink  skipped: ${'word '.repeat(30).trim()}`;
  const lines = foldLines(text, 80).split('\n');
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 80));
  assert.equal(lines.map((line, at) => (at === 0 ? line : line.trim())).join(' '), text);
});
