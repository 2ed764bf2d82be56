import assert from 'node:assert/strict';
import test from 'node:test';
import { PaginationLoopError, UnexpectedAnswerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import {
  LoopGuard,
  paginatorFor,
  singlePagePaginator,
  startAfterPaginator,
} from '../../producers/chartmogul/paginator.ts';

type Next = Record<string, unknown> | undefined | typeof UnexpectedAnswerError;
const refused = UnexpectedAnswerError;
const cursorStyle = { has_more: true, cursor: 'c' };
const keyStyle = { meta: { next_key: 5 } };
const pageStyle = { page: 1, total_pages: 9 };

/** First page, answer, what to ask next. */
const pages: readonly (readonly [string, JsonObject, JsonObject, Next])[] = [
  ['a cursor', cursorStyle, { has_more: true, cursor: 'abc' }, { cursor: 'abc' }],
  ['a stray cursor on the last page', cursorStyle, { has_more: false, cursor: 'abc' }, undefined],
  ['a null cursor on the last page', cursorStyle, { has_more: false, cursor: null }, undefined],
  ['no cursor on the last page', cursorStyle, { has_more: false }, undefined],
  ['more without a cursor', cursorStyle, { has_more: true }, refused],
  ['more with a null cursor', cursorStyle, { has_more: true, cursor: null }, refused],
  ['more with an empty cursor', cursorStyle, { has_more: true, cursor: '' }, refused],
  ['more with a cursor that is no text', cursorStyle, { has_more: true, cursor: { a: 1 } }, refused],
  ['a later page that lost has_more', cursorStyle, { cursor: 'abc' }, refused],
  ['a later page that is empty', cursorStyle, { entries: [] }, refused],
  [
    'a senseless total_pages beside a cursor',
    { ...cursorStyle, total_pages: 0 },
    { ...cursorStyle, total_pages: 0 },
    { cursor: 'c' },
  ],
  [
    'legacy keys on the last page',
    { ...pageStyle, has_more: false },
    { ...pageStyle, has_more: false },
    undefined,
  ],
  ['meta beside has_more', { ...keyStyle, has_more: false }, { ...keyStyle, has_more: false }, undefined],
  ['a numeric next_key', keyStyle, keyStyle, { cursor: '5', next_key: '5' }],
  [
    'a next_key beyond 2^53',
    keyStyle,
    { meta: { next_key: 2n ** 60n } },
    { cursor: '1152921504606846976', next_key: '1152921504606846976' },
  ],
  ['a null next_key', keyStyle, { meta: { next_key: null } }, undefined],
  ['an empty next_key', keyStyle, { meta: { next_key: '' } }, undefined],
  ['no meta any more', keyStyle, {}, undefined],
  ['a next_key that is an object', keyStyle, { meta: { next_key: {} } }, refused],
  ['a page of many', pageStyle, { page: 2, total_pages: 9 }, { page: 3 }],
  ['current_page', { current_page: 1, total_pages: 2 }, { current_page: 1, total_pages: 2 }, { page: 2 }],
  [
    'pages in meta',
    { meta: { page: 1, total_pages: 2 } },
    { meta: { page: 1, total_pages: 2 } },
    { page: 2 },
  ],
  ['the last page', pageStyle, { page: 9, total_pages: 9 }, undefined],
  ['a page beyond the last', pageStyle, { page: 10, total_pages: 9 }, undefined],
  ['no pages at all', { page: 1, total_pages: 0 }, { page: 1, total_pages: 0 }, undefined],
  ['page numbers that are gone', pageStyle, { entries: [] }, refused],
  ['no page number', { total_pages: 2 }, { total_pages: 2 }, refused],
  ['nothing of the kind', { entries: [] }, { entries: [] }, undefined],
  ['total_pages null', { page: 1, total_pages: null }, { page: 1, total_pages: null }, undefined],
  // A list that says in some way that it goes on is never taken for a whole one.
  [
    'has_more that is not a boolean',
    { has_more: 'true', cursor: 'c' },
    { has_more: 'true', cursor: 'c' },
    refused,
  ],
];
for (const [name, first, answer, next] of pages) {
  test(`${name} ${next === refused ? 'is refused' : next ? `leads to ${JSON.stringify(next)}` : 'is the end'}`, () => {
    const ask = () => paginatorFor(first)(answer, [], 'page 2');
    if (next === refused) assert.throws(ask, UnexpectedAnswerError);
    else assert.deepEqual(ask(), next);
  });
}

const rows: readonly (readonly [string, JsonObject, JsonObject[], Next])[] = [
  [
    'the uuid of the last row',
    { has_more: true, cursor: 'skips' },
    [{ uuid: 'a' }, { uuid: 'b' }],
    { 'start-after': 'b' },
  ],
  ['the end where has_more is false', { has_more: false }, [{ uuid: 'a' }], undefined],
  ['the end where the list is empty', { has_more: true }, [], undefined],
  ['the next page where has_more is missing', {}, [{ uuid: 'a' }], { 'start-after': 'a' }],
  ['an error where the row has no uuid', { has_more: true }, [{}], refused],
  ['an error where the uuid is empty', { has_more: true }, [{ uuid: '' }], refused],
];
for (const [name, answer, list, next] of rows) {
  test(`start-after leads to ${name}`, () => {
    const ask = () => startAfterPaginator(answer, list, 'page 1');
    if (next === refused) assert.throws(ask, UnexpectedAnswerError);
    else assert.deepEqual(ask(), next);
  });
}

test('a single page has no next', () =>
  assert.equal(singlePagePaginator({ ...cursorStyle }, [], ''), undefined));

test('a page that was read before is not asked for again', () => {
  const guard = new LoopGuard();
  for (const cursor of ['a', 'b', 'c']) guard.check({ cursor }, 'page');
  assert.throws(
    () => guard.check({ cursor: 'b' }, '/customers, page 4'),
    (error) => {
      return error instanceof PaginationLoopError && error.message.includes('/customers, page 4');
    },
  );
});
