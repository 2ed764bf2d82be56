import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import { isMeant, letterById, parseFilter, parseIdPrefix } from '../../../../core/dead-letters/choice.ts';
import { letterState, markedLetter } from '../../../../core/dead-letters/mark.ts';
import { parseLetter, type StoredLetter } from '../../../../core/dead-letters/parse-letter.ts';
import {
  foldedLine,
  hexDump,
  letterDetails,
  letterTable,
  prettyJson,
  totalLine,
} from '../../../../core/dead-letters/text.ts';
import { truncated } from '../../../../core/dead-letters/truncate.ts';
import { ConfigError } from '../../../../core/errors.ts';

const PREFIX = 'test.';
const NOW = Date.parse('2026-03-01T12:00:00Z');

const sinkHeaders = {
  stream: 'plans',
  step: 'sink',
  code: 'ETL_DECODE',
  reason: 'broken',
  topic: 'test.plans',
  partition: '2',
  offset: '7',
  timestamp: '1700000000000',
};

function messageOf(
  headers: Readonly<Record<string, string>>,
  changes: Partial<KafkaMessage> = {},
): KafkaMessage {
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const);
  return {
    key: Buffer.from('plans|sink|2|7'),
    value: Buffer.from('bytes'),
    timestamp: String(NOW),
    attributes: 0,
    offset: '0',
    headers: Object.fromEntries(bytes),
    ...changes,
  } as KafkaMessage;
}

function letterOf(
  headers: Readonly<Record<string, string>> = sinkHeaders,
  key = 'plans|sink|2|7',
): StoredLetter {
  const letter = parseLetter(messageOf(headers, { key: Buffer.from(key) }), PREFIX);
  assert.ok(letter);
  return { ...letter, value: Buffer.from('bytes') };
}

test('a letter is read with its place, its time and an id that its key alone decides', () => {
  const letter = letterOf();
  assert.ok(letter.step === 'sink');
  const { partition, offset, timestampMs, setAsideMs, attempts, bytes } = letter;
  assert.deepEqual(
    [partition, offset, timestampMs, setAsideMs, attempts, bytes, letter.state],
    [2, 7, 1_700_000_000_000, NOW, 0, 5, 'waiting'],
  );
  assert.equal(letter.id, letterOf({ ...sinkHeaders, reason: 'another' }).id);
  assert.notEqual(letter.id, letterOf(sinkHeaders, 'plans|sink|2|8').id);
});

const hostile: readonly [what: string, message: KafkaMessage][] = [
  ['no headers', messageOf({})],
  ['no key', messageOf(sinkHeaders, { key: null })],
  ['a key that is no text', messageOf(sinkHeaders, { key: Buffer.from([0xff, 0xfe]) })],
  ['no value', messageOf(sinkHeaders, { value: null })],
  ['another step', messageOf({ ...sinkHeaders, step: 'neither' })],
  ['no name of a stream', messageOf({ ...sinkHeaders, stream: "plans'; DROP" })],
  ["another stream's topic", messageOf({ ...sinkHeaders, topic: 'other.plans' })],
  ['a negative partition', messageOf({ ...sinkHeaders, partition: '-1' })],
  ['a partition that Kafka cannot have', messageOf({ ...sinkHeaders, partition: '2147483648' })],
  ['an offset beyond 2^53', messageOf({ ...sinkHeaders, offset: '9007199254740993' })],
  ['an offset that is no number', messageOf({ ...sinkHeaders, offset: '1) OR (1' })],
  ['no time', messageOf({ ...sinkHeaders, timestamp: '' })],
];
for (const [what, message] of hostile) {
  test(`what has ${what} is no letter`, () => assert.equal(parseLetter(message, PREFIX), undefined));
}

test('a mark keeps value, headers and the time of the first letter, and says what became of it', () => {
  const letter = letterOf();
  const error = { code: 'ETL_ROW_REJECTED', message: 'refused' };
  const again = markedLetter(letter, { kind: 'again', error }, NOW + 1);
  assert.ok(again);
  assert.deepEqual([again.key, again.value], [letter.key, letter.value]);
  const texts = Object.fromEntries(Object.entries(again.headers).map(([name, text]) => [name, String(text)]));
  assert.deepEqual(texts, {
    ...sinkHeaders,
    code: 'ETL_ROW_REJECTED',
    reason: 'refused',
    attempts: '1',
    'set-aside-at': String(NOW),
  });
  // Kafka gives it the time at which it was sent again.
  const readAgain = parseLetter(messageOf(texts, { timestamp: String(NOW + 60_000) }), PREFIX);
  assert.ok(readAgain);
  assert.deepEqual(
    [readAgain.state, readAgain.attempts, readAgain.setAsideMs, readAgain.id],
    ['waiting', 1, NOW, letter.id],
  );
  const done = markedLetter({ ...readAgain, value: letter.value }, { kind: 'redriven', how: '' }, NOW + 2);
  const marked = parseLetter(
    messageOf(
      Object.fromEntries(Object.entries(done?.headers ?? {}).map(([name, text]) => [name, String(text)])),
    ),
    PREFIX,
  );
  assert.deepEqual(
    [marked?.state, marked?.redrivenMs, marked?.setAsideMs, marked?.attempts],
    ['redriven', NOW + 2, NOW, 1],
  );
  assert.equal(markedLetter(letter, { kind: 'left', why: '' }, NOW), undefined);
});

test('a letter that was read without its value cannot be marked: that would lose its bytes', () => {
  assert.throws(
    () => markedLetter({ ...letterOf(), value: undefined }, { kind: 'redriven', how: '' }, NOW),
    RangeError,
  );
});

test('letterState reads redriven and discarded; anything else waits', () => {
  const states = [
    undefined,
    Buffer.from('waiting'),
    'redriven',
    Buffer.from('redriven'),
    Buffer.from('discarded'),
  ];
  assert.deepEqual(
    states.map((state) => letterState({ state })),
    ['waiting', 'waiting', 'waiting', 'redriven', 'discarded'],
  );
  assert.equal(letterState(undefined), 'waiting');
});

test('a discarded letter keeps its headers and says when and why', () => {
  const letter = { ...letterOf(), value: Buffer.from('x') };
  const marked = markedLetter(letter, { kind: 'discarded', reason: 'a test record' }, NOW + 1);
  const { reason, ...marks } = { ...marked?.headers };
  assert.equal(String(reason), String(letter.headers['reason']));
  assert.equal(marks['state'], 'discarded');
  assert.equal(marks['discarded-at'], String(NOW + 1));
  assert.equal(marks['discard-reason'], 'a test record');
});

test('an id is meant by its beginning, where that is one letter’s alone', () => {
  const letters = Array.from({ length: 3_000 }, (_, at) => letterOf(sinkHeaders, `plans|sink|2|${at}`));
  const [first] = letters;
  assert.ok(first);
  assert.equal(letterById(letters, parseIdPrefix(first.id.toUpperCase())), first);
  const counts = new Map<string, number>();
  for (const { id } of letters) counts.set(id.slice(0, 4), (counts.get(id.slice(0, 4)) ?? 0) + 1);
  const [shared = ''] = [...counts].find(([, count]) => count > 1) ?? [];
  assert.throws(
    () => letterById(letters, shared),
    /^ConfigError: the ID [0-9a-f]{4} is that of \d dead letters, give more digits: /,
  );
  assert.throws(() => letterById([], 'abcd'), ConfigError);
  for (const wrong of ['abc', 'xyzz', '', 'a'.repeat(65)])
    assert.throws(() => parseIdPrefix(wrong), ConfigError);
});

test('letters are chosen by stream, step, reason, time and state', () => {
  const meant = (options: Parameters<typeof parseFilter>[0], letter = letterOf()) =>
    isMeant(letter, parseFilter(options, NOW + 3_600_000));
  assert.deepEqual(
    [
      meant({}),
      meant({ streams: 'customers, plans' }),
      meant({ streams: 'customers' }),
      meant({ step: 'produce' }),
      meant({ reason: 'etl_dec' }),
      meant({ reason: 'BROKEN' }),
      meant({ reason: 'whole' }),
      meant({ since: '61m' }),
      meant({ since: '59m' }),
      meant({ since: '2026-03-01T12:00Z' }),
      meant({ since: '2026-03-01T13:01+01:00' }),
      meant({ since: '2026-03-01' }),
    ],
    [true, true, false, false, true, true, false, true, false, true, false, true],
  );
  const redriven = letterOf({ ...sinkHeaders, state: 'redriven' });
  assert.deepEqual([meant({}, redriven), meant({ all: true }, redriven)], [false, true]);
  for (const since of ['', 'yesterday', '2026-02-30T99:00Z', '5w', '2999-01-01'])
    assert.throws(() => parseFilter({ since }, NOW), ConfigError, since);
});

test('a list fits its columns, and holds nothing that a terminal would obey', () => {
  const letters = [
    letterOf({
      ...sinkHeaders,
      reason: `${'very '.repeat(100)}long`,
      stream: 'customer_subscriptions',
      topic: 'test.customer_subscriptions',
    }),
    letterOf({ ...sinkHeaders, reason: 'red\u001b[31m\u202e', state: 'redriven' }),
  ];
  const lines = letterTable(letters, 80).split('\n');
  assert.equal(lines.length, 3);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.doesNotMatch(letterTable(letters, 200), /[\u001b\u202e]/);
  assert.deepEqual(totalLine(letters, 1).split('\n'), [
    '1 × customer_subscriptions  sink  ETL_DECODE',
    '1 × plans  sink  ETL_DECODE',
    '1 dead letter waits, 1 redriven, 1 not shown: --limit 2 shows all',
  ]);
  assert.equal(totalLine([], 0), 'no dead letter waits');
  const details = letterDetails(letters[0] ?? letterOf(), 80);
  assert.ok(details.split('\n').every((line) => line.length <= 80));
  assert.equal(details.match(/very/g)?.length, 100);
  assert.doesNotMatch(letterDetails(letters[1] ?? letterOf(), 80), /[\u001b\u202e]/);
});

test('bytes are shown 16 to a line, of long ones the first 4 KiB', () => {
  assert.equal(
    hexDump(Buffer.from('\0abcdefghijklmno~\x7f')),
    [
      '00000000  00 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f  |.abcdefghijklmno|',
      `00000010  7e 7f${' '.repeat(42)}  |~.|`,
    ].join('\n'),
  );
  const long = hexDump(Buffer.alloc(5_096)).split('\n');
  assert.deepEqual([long.length, long.at(-1)], [257, '… and 1,000 bytes more']);
});

test('JSON is shown with every digit', () => {
  assert.equal(prettyJson('{"a":9007199254740993,"b":0.10,"a":1e999}'), '{\n  "a": 1e999,\n  "b": 0.10\n}');
  assert.throws(() => prettyJson('{'), SyntaxError);
  assert.throws(() => prettyJson('['.repeat(100_000)), /thousands of nested objects/);
});

test('a long line goes on indented, and loses no word, however long', () => {
  assert.equal(foldedLine('abcdefghij', 8), 'abcdefgh\n    ij');
  const text = `a1b2c3d4  plans  sink  left: ${'word '.repeat(30).trim()}`;
  const lines = foldedLine(text, 80).split('\n');
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 80));
  assert.equal(lines.map((line, at) => (at === 0 ? line : line.trim())).join(' '), text);
});

test('a letter that is too large keeps the beginning of value and headers, and says how much there was', () => {
  const letter = {
    key: 'k',
    value: Buffer.alloc(100_000, 7),
    headers: { reason: 'why', key: 'k'.repeat(20_000) },
  };
  const cut = truncated(letter);
  assert.deepEqual(cut.value, letter.value.subarray(0, 65_536));
  const message = messageOf(sinkHeaders, { value: cut.value });
  const headers: Record<string, string | Buffer> = { ...sinkHeaders, ...cut.headers };
  const texts = Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name, Buffer.from(String(text))]),
  );
  const read = parseLetter({ ...message, headers: texts } as KafkaMessage, PREFIX);
  assert.deepEqual(
    [
      read?.bytes,
      read?.wholeBytes,
      read?.isTruncated,
      read?.recordKey?.length,
      String(texts['key-truncated']),
    ],
    [65_536, 100_000, true, 8_192, '20000'],
  );
  assert.equal(truncated(cut), cut, 'it cannot be cut further');
  const small = { key: 'k', value: Buffer.from('v'), headers: { key: 'k' } };
  assert.equal(truncated(small), small);
  assert.ok(!letterOf().isTruncated);
});
