import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { AnswerBody } from '../../../../core/http/answer-body.ts';
import type { JsonValue } from '../../../../core/json.ts';
import type { KeyField } from '../../../../producers/chartmogul/find-records.ts';
import { readPage, type KnownTexts } from '../../../../producers/chartmogul/list-page.ts';
import { sourceList } from '../../../../producers/chartmogul/source-list.ts';
import { mutated } from '../../../helpers/fuzz.ts';
import { specOf } from '../../../helpers/stream-encoding.ts';

const spec = specOf('invoices');
const list = sourceList(spec, spec.paths[0]);
const uuid: KeyField = { name: 'uuid', type: 'string' };

const knowing = (keyField: KeyField | undefined, ...texts: readonly string[]): KnownTexts => ({
  keyField,
  holds: (text) => texts.includes(text.hash),
});

function read(page: string | Buffer, known?: KnownTexts, ofList = list) {
  const body = new AnswerBody(Buffer.from(page), 'application/json');
  const { answer, entries } = readPage(body, ofList, 'page 1', known);
  const values = entries.map(({ value }) => value);
  return { answer: { ...answer, invoices: [], entries: [] }, entries, values };
}

/** Returns the answer and the values, or the name of the error class. */
function outcome(work: () => ReturnType<typeof read>) {
  try {
    const { answer, values } = work();
    return { answer, values };
  } catch (error) {
    return (error as Error).constructor.name;
  }
}

/** Parts of generated JSON, with several spellings of the same values. */
const spaces = fc.constantFrom('', ' ', '\n\t');
const texts = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"uuid"', '"invoices"', '"entries"', '"\\u0075uid"', '"\\"}]"', '"é"', '"\\\\"', '"1e400"'),
);
const numbers = fc.constantFrom(
  ...[
    '0',
    '-0',
    '1.50',
    '12345678901234567890',
    '0.1234567890123456789',
    '1e400',
    '-1E-7',
    '999999999999999',
  ],
);
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false'),
    numbers,
    texts,
    fc
      .tuple(fc.array(tie('json'), { maxLength: 3 }), spaces)
      .map(([items, gap]) => `[${items.join(`${gap},${gap}`)}]`),
    fc
      .tuple(fc.array(fc.tuple(texts, tie('json')), { maxLength: 3 }), spaces)
      .map(([members, gap]) => objectOf(members, gap)),
  ),
}));
const objectOf = (members: readonly (readonly [string, string])[], gap: string) =>
  `{${gap}${members.map(([name, value]) => `${name}${gap}:${value}`).join(`,${gap}`)}${gap}}`;
const records = fc
  .tuple(fc.array(fc.tuple(fc.oneof(texts, fc.constant('"uuid"')), json), { maxLength: 4 }), spaces)
  .map(([members, gap]) => objectOf(members, gap));
const pages = fc
  .tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: records }, { weight: 1, arbitrary: json }), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom('"entries"', '"has_more"', '"cursor"', '"invoices"'), json), {
      maxLength: 2,
    }),
    fc.constantFrom('"invoices"', '"invoices"', '"entries"'),
    spaces,
    fc.nat(2),
  )
  .map(([items, others, name, gap, place]) => {
    const listed = [name, `[${gap}${items.join(`${gap},`)}]`] as const;
    return Buffer.from(objectOf([...others.slice(0, place), listed, ...others.slice(place)], gap));
  });

test('a page read record by record equals the page parsed in full', () => {
  fc.assert(
    fc.property(pages, fc.constantFrom<KeyField>(uuid, { name: 'uuid', type: 'long' }), (page, keyField) => {
      assert.deepEqual(
        outcome(() => read(page, knowing(keyField))),
        outcome(() => read(page)),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('a damaged page has the same outcome whether it is read record by record or in full', () => {
  fc.assert(
    fc.property(mutated(pages), (page) => {
      assert.deepEqual(
        outcome(() => read(page, knowing(uuid))),
        outcome(() => read(page)),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('the key of a record text is the value of its key field', () => {
  fc.assert(
    fc.property(pages, (page) => {
      if (typeof outcome(() => read(page)) === 'string') return;
      for (const { text, value } of read(page, knowing(uuid)).entries)
        if (text !== undefined) assert.equal((value as Record<string, JsonValue>)['uuid'], text.key.value);
    }),
    { numRuns: 1_000 },
  );
});

const keys: [record: string, type: KeyField['type'], key: string | undefined][] = [
  ['{"uuid":"a"}', 'string', 'a'],
  ['{"uuid" : "a", "uuid":"b"}', 'string', 'b'],
  ['{"x":{"uuid":"a"}}', 'string', undefined],
  ['{"uuid":"a\\n"}', 'string', undefined],
  ['{"uuid":"ü"}', 'string', undefined],
  ['{"uuid":"a","uuid":null}', 'string', undefined],
  ['{"uuid":5}', 'string', undefined],
  ['{"uuid":5}', 'long', '5'],
  ['{"uuid":-5}', 'long', undefined],
  ['{"uuid":"5"}', 'long', undefined],
  ['{"uuid":5.0}', 'long', undefined],
  ['{"uuid":1234567890123456}', 'long', undefined],
];
for (const [record, type, key] of keys)
  test(`readPage finds ${key === undefined ? 'no key' : `the key ${key}`} of type ${type} in the text ${record}`, () => {
    const { entries } = read(`{"invoices":[${record}]}`, knowing({ name: 'uuid', type }));
    assert.deepEqual(
      entries.map(({ text }) => text?.key.value),
      [key],
    );
  });

test('a record text that the topic contains is parsed only when its value is read', (t) => {
  const page = '{"invoices":[{"uuid":"a","n":12345678901234567890},{"uuid":"b"}],"has_more":false}';
  const [a] = read(page, knowing(uuid)).entries;
  assert.ok(a?.text !== undefined);
  const parse = t.mock.method(JSON, 'parse');
  const body = new AnswerBody(Buffer.from(page));
  const { entries } = readPage(body, list, 'page 1', knowing(uuid, a.text.hash));
  assert.deepEqual(
    parse.mock.calls.map(({ arguments: [text] }) => text),
    ['{"uuid":"b"}', '{"invoices":[],"has_more":false}'],
  );
  assert.deepEqual(entries[0]?.value, { uuid: 'a', n: 12345678901234567890n });
});

for (const [name, ofList, keyField, contentType] of [
  ['a list that adds fields', { ...list, adds: { customer_uuid: 'c' } }, uuid, undefined],
  ['a response that is the record itself', { ...list, listKey: null }, uuid, undefined],
  ['a list with a key of several fields', list, undefined, undefined],
  ['a list in another charset', list, uuid, 'application/json; charset=utf-16le'],
] as const)
  test(`${name} has no record texts`, () => {
    const page = '{"invoices":[{"uuid":"a"}]}';
    const bytes = Buffer.from(page, contentType === undefined ? 'utf8' : 'utf16le');
    const { entries } = readPage(new AnswerBody(bytes, contentType), ofList, 'page 1', knowing(keyField));
    assert.deepEqual(
      entries.map(({ text }) => text),
      [undefined],
    );
  });
