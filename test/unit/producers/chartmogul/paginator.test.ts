import assert from 'node:assert/strict';
import test from 'node:test';
import { UnexpectedAnswerError } from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import type { Query } from '../../../../producers/chartmogul/client.ts';
import {
  pageNumberPaginator,
  paginatorFor,
  singlePagePaginator,
  startAfterPaginator,
} from '../../../../producers/chartmogul/paginator.ts';
import { entriesOf } from '../../../helpers/stream-encoding.ts';

type Next = Record<string, unknown> | undefined | typeof UnexpectedAnswerError;
const refused = UnexpectedAnswerError;
const cursorStyle = { has_more: true, cursor: 'c' };
const keyStyle = { meta: { next_key: 5 } };
const pageStyle = { page: 1, total_pages: 9 };

/** Name, first page, response and next query. */
const pages: readonly (readonly [string, JsonObject, JsonObject, Next])[] = [
  ['a cursor', cursorStyle, { has_more: true, cursor: 'abc' }, { cursor: 'abc' }],
  ['a stray cursor on the last page', cursorStyle, { has_more: false, cursor: 'abc' }, undefined],
  ['a null cursor on the last page', cursorStyle, { has_more: false, cursor: null }, undefined],
  ['no cursor on the last page', cursorStyle, { has_more: false }, undefined],
  ['has_more without a cursor', cursorStyle, { has_more: true }, refused],
  ['has_more with a null cursor', cursorStyle, { has_more: true, cursor: null }, refused],
  ['has_more with an empty cursor', cursorStyle, { has_more: true, cursor: '' }, refused],
  ['has_more with a cursor that is not text', cursorStyle, { has_more: true, cursor: { a: 1 } }, refused],
  ['a later page that lost has_more', cursorStyle, { cursor: 'abc' }, refused],
  ['a later page that is empty', cursorStyle, { entries: [] }, refused],
  [
    'a meaningless total_pages alongside a cursor',
    { ...cursorStyle, total_pages: 0 },
    { ...cursorStyle, total_pages: 0 },
    { cursor: 'c' },
  ],
  [
    'a last page with legacy keys',
    { ...pageStyle, has_more: false },
    { ...pageStyle, has_more: false },
    undefined,
  ],
  ['meta alongside has_more', { ...keyStyle, has_more: false }, { ...keyStyle, has_more: false }, undefined],
  ['a numeric next_key', keyStyle, keyStyle, { cursor: '5', next_key: '5' }],
  [
    'a next_key beyond 2^53',
    keyStyle,
    { meta: { next_key: 2n ** 60n } },
    { cursor: '1152921504606846976', next_key: '1152921504606846976' },
  ],
  ['a null next_key', keyStyle, { meta: { next_key: null } }, undefined],
  ['an empty next_key', keyStyle, { meta: { next_key: '' } }, undefined],
  ['a later page without meta', keyStyle, {}, refused],
  ['a meta that lost its next_key', keyStyle, { meta: { page: 2 } }, refused],
  ['a next_key that is a boolean', keyStyle, { meta: { next_key: true } }, refused],
  [
    'a null next_key on page 1 of 3',
    keyStyle,
    { meta: { next_key: null, page: 1, total_pages: 3 } },
    refused,
  ],
  ['a null next_key alongside has_more', keyStyle, { has_more: true, meta: { next_key: null } }, refused],
  ['a next_key that is an object', keyStyle, { meta: { next_key: {} } }, refused],
  ['a first page of many', pageStyle, pageStyle, { page: 2 }],
  ['a page number as text', pageStyle, { page: '1', total_pages: '9' }, { page: 2 }],
  ['total_pages in text alone', { page: 1, total_pages: '2' }, { page: 1, total_pages: '2' }, { page: 2 }],
  ['total_pages that is not a number', { page: 1, total_pages: {} }, { page: 1, total_pages: {} }, refused],
  ['a page that was not requested', pageStyle, { page: 2, total_pages: 9 }, refused],
  ['a first page numbered 0', { page: 0, total_pages: 2 }, { page: 0, total_pages: 2 }, refused],
  [
    'a page number alongside a null next_key',
    { meta: { next_key: null, page: 1, total_pages: 2 } },
    { meta: { next_key: null, page: 1, total_pages: 2 } },
    { page: 2 },
  ],
  [
    'a last page that has more',
    { page: 1, total_pages: 1 },
    { page: 1, total_pages: 1, has_more: true },
    refused,
  ],
  ['current_page', { current_page: 1, total_pages: 2 }, { current_page: 1, total_pages: 2 }, { page: 2 }],
  [
    'a page number in meta',
    { meta: { page: 1, total_pages: 2 } },
    { meta: { page: 1, total_pages: 2 } },
    { page: 2 },
  ],
  ['the last page', { page: 1, total_pages: 1 }, { page: 1, total_pages: 1 }, undefined],
  ['a page beyond the last', pageStyle, { page: 1, total_pages: 0 }, undefined],
  ['a total of 0 pages', { page: 1, total_pages: 0 }, { page: 1, total_pages: 0 }, undefined],
  ['a later page without page numbers', pageStyle, { entries: [] }, refused],
  ['no page number', { total_pages: 2 }, { total_pages: 2 }, refused],
  ['a page without paging fields', { entries: [] }, { entries: [] }, undefined],
  ['a cursor without has_more', { cursor: 'c' }, { cursor: 'c' }, refused],
  ['a null cursor without has_more', { cursor: null }, { cursor: null }, undefined],
  ['a null total_pages', { page: 1, total_pages: null }, { page: 1, total_pages: null }, undefined],
  // A list is never treated as complete if a page indicates that there is more.
  [
    'has_more that is not a boolean',
    { has_more: 'true', cursor: 'c' },
    { has_more: 'true', cursor: 'c' },
    refused,
  ],
];
for (const [name, first, answer, next] of pages) {
  test(`${name} ${next === refused ? 'is rejected' : next ? `leads to ${JSON.stringify(next)}` : 'ends the list'}`, () => {
    const ask = () => paginatorFor(first)({ answer, entries: [], asked: {}, where: 'page 1' });
    if (next === refused) assert.throws(ask, UnexpectedAnswerError);
    else assert.deepEqual(ask(), next);
  });
}

test('a numbered page must be the requested page and be empty beyond the last page', () => {
  const read = (answer: JsonObject, asked: Query, list: JsonObject[]) =>
    pageNumberPaginator({ answer, entries: entriesOf(list), asked, where: 'page' });
  assert.deepEqual(read({ page: 2, total_pages: 9 }, { page: 2 }, [{}]), { page: 3 });
  assert.equal(read({ page: 9, total_pages: 9 }, { page: 9 }, [{}]), undefined);
  assert.equal(read({ page: 9, total_pages: 8 }, { page: 9 }, []), undefined, 'a shorter list must end');
  for (const [answer, asked] of [
    [{ page: 1, total_pages: 9 }, { page: 2 }],
    [{ page: 4, total_pages: 9 }, { page: 2 }],
    [{ page: 9, total_pages: 8 }, { page: 9 }],
    [{ page: 1, total_pages: 0 }, {}],
  ] as const)
    assert.throws(() => read(answer, asked, [{}]), UnexpectedAnswerError, JSON.stringify(answer));
});

/** Name, first page, response, its rows and next query. */
const rows: readonly (readonly [string, JsonObject, JsonObject, JsonObject[], Next])[] = [
  [
    'the uuid of the last row',
    { has_more: true, cursor: 'skips' },
    { has_more: true, cursor: 'skips' },
    [{ uuid: 'a' }, { uuid: 'b' }],
    { 'start-after': 'b' },
  ],
  ['the end if has_more is false', { has_more: true }, { has_more: false }, [{ uuid: 'a' }], undefined],
  ['the end if has_more is false on an empty page', { has_more: true }, { has_more: false }, [], undefined],
  ['an error if an empty page has more', { has_more: true }, { has_more: true, cursor: 'c' }, [], refused],
  ['an error if an empty first page has more', { has_more: true }, { has_more: true }, [], refused],
  ['an error if an empty page lacks has_more', { has_more: true }, {}, [], refused],
  ['an error if a page with rows lacks has_more', { has_more: true }, {}, [{ uuid: 'a' }], refused],
  ['an error if has_more is null', { has_more: true }, { has_more: null }, [], refused],
  ['an error if has_more is text', {}, { has_more: 'false' }, [], refused],
  ['the next page if has_more is never returned', {}, {}, [{ uuid: 'a' }], { 'start-after': 'a' }],
  ['the end at an empty page if has_more is never returned', {}, {}, [], undefined],
  ['an error if has_more appears on an empty later page', {}, { has_more: true }, [], refused],
  ['an error if the last row has no uuid', { has_more: true }, { has_more: true }, [{}], refused],
  ['an error if the uuid is empty', { has_more: true }, { has_more: true }, [{ uuid: '' }], refused],
  ['the end at a row without a uuid', { has_more: true }, { has_more: false }, [{}], undefined],
];
for (const [name, first, answer, list, next] of rows) {
  test(`start-after leads to ${name}`, () => {
    const ask = () =>
      startAfterPaginator(first)({ answer, entries: entriesOf(list), asked: {}, where: 'page 2' });
    if (next === refused) assert.throws(ask, UnexpectedAnswerError);
    else assert.deepEqual(ask(), next);
  });
}

for (const [answer, isWhole] of [
  [{}, true],
  [{ has_more: false, cursor: 'stray' }, true],
  [{ has_more: null, page: 1, total_pages: 1, meta: { next_key: null } }, true],
  [{ has_more: true }, false],
  [{ has_more: 'true' }, false],
  [{ meta: { next_key: 5 } }, false],
  [{ page: 1, total_pages: 2 }, false],
  [{ total_pages: 2 }, false],
] as const)
  test(`a single-page list is ${isWhole ? 'complete' : 'rejected'} with ${JSON.stringify(answer)}`, () => {
    const ask = () => singlePagePaginator({ answer, entries: [], asked: {}, where: '/metrics/mrr, page 1' });
    if (isWhole) assert.equal(ask(), undefined);
    else assert.throws(ask, UnexpectedAnswerError);
  });
