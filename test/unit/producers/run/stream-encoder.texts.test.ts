import assert from 'node:assert/strict';
import test from 'node:test';
import { AnswerBody } from '../../../../core/http/answer-body.ts';
import type { EntryText } from '../../../../producers/chartmogul/list-entry.ts';
import { readPage } from '../../../../producers/chartmogul/list-page.ts';
import { sourceList, type Page } from '../../../../producers/chartmogul/source-list.ts';
import { messageHeaders } from '../../../../producers/encode/message.ts';
import { recordHash } from '../../../../producers/encode/record-hash.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import { StreamEncoder, type StreamEncoderOptions } from '../../../../producers/run/stream-encoder.ts';
import { createState, plans } from '../../../helpers/stream-encoding.ts';

const list = sourceList(plans, plans.paths[0]);
const gold = '{"uuid":"pl_1","name":"Gold"}';
const silver = '{"uuid":"pl_1","name":"Silver"}';
const vat = '{"uuid":"pl_1","vat":19}';

/** Encodes pages of JSON texts. Returns what was parsed, sent and counted. */
async function run(
  state: ReturnType<typeof createState>,
  pages: readonly (readonly string[])[],
  options: Partial<StreamEncoderOptions> = {},
) {
  const counts = new StreamCounts(plans.name, `test.${plans.name}`);
  state.keys.unseeAll();
  const encoder = new StreamEncoder({
    ...state,
    ...{ topicPrefix: 'test.', spec: plans, mode: 'evolve', isFull: false, counts },
    ...options,
  });
  await encoder.begin();
  let parsed = 0;
  async function* source(): AsyncGenerator<Page> {
    for (const [index, records] of pages.entries()) {
      const body = new AnswerBody(Buffer.from(`{"plans":[${records.join()}],"has_more":false}`));
      const holds = (text: EntryText) => {
        const isHeld = encoder.holds(text);
        if (!isHeld) parsed++;
        return isHeld;
      };
      const { entries } = readPage(body, list, 'page', { keyField: encoder.keyField, holds });
      yield await Promise.resolve({ kind: 'page', list, number: index + 1, entries, next: undefined });
    }
  }
  const messages = [];
  for await (const event of encoder.encode(source()))
    if (event.kind === 'page') messages.push(...event.messages);
  const { records, unchanged } = counts;
  return {
    parsed,
    names: messages.map(({ value }) => (state.registry.read(value) as { name?: string }).name),
    hasTexts: messages.map(({ headers }) => headers?.[messageHeaders.textHash] !== undefined),
    counts: { records, unchanged },
    unseen: state.keys.unseen,
  };
}

test('a record whose text the topic contains is seen, counted once and not parsed', async () => {
  const state = createState();
  const first = await run(state, [[gold, '{"uuid":"pl_2"}']]);
  assert.deepEqual(first.hasTexts, [true, true]);
  assert.equal(first.parsed, 2);
  const second = await run(state, [[gold, '{"uuid":"pl_2"}'], [gold]]);
  assert.deepEqual(second, {
    ...{ parsed: 0, names: [], hasTexts: [], unseen: 0 },
    counts: { records: 2, unchanged: 2 },
  });
});

test('a record that differs only in its text is compared by its hash and not sent', async () => {
  const state = createState();
  await run(state, [[gold]]);
  const { parsed, names, counts } = await run(state, [['{ "name": "Gold", "uuid": "pl_1" }']]);
  assert.deepEqual({ parsed, names, counts }, { parsed: 1, names: [], counts: { records: 1, unchanged: 1 } });
});

test('a record that changes and changes back is sent twice', async () => {
  const state = createState();
  await run(state, [[gold]]);
  assert.deepEqual((await run(state, [[silver], [gold]])).names, ['Silver', 'Gold']);
  assert.deepEqual((await run(state, [[silver, gold]])).names, ['Silver', 'Gold']);
  assert.deepEqual((await run(state, [[gold]])).names, []);
});

test('a full run sends a record whose text the topic contains', async () => {
  const state = createState();
  await run(state, [[gold]]);
  assert.deepEqual((await run(state, [[gold]], { isFull: true })).names, ['Gold']);
});

test('a record with a discarded field is sent again when the schema gains the field', async () => {
  const state = createState();
  const discarding = await run(state, [[vat]], { mode: 'discard' });
  assert.deepEqual(discarding.hasTexts, [false]);
  assert.equal((await run(state, [[vat]], { mode: 'discard' })).names.length, 0);
  assert.deepEqual((await run(state, [['{"uuid":"pl_2","vat":7}']])).hasTexts, [true]);
  assert.deepEqual((await run(state, [[vat]], { mode: 'discard' })).hasTexts, [true]);
});

test('a record whose message lacks a text hash, as in earlier versions, is not sent again', async () => {
  const state = createState();
  state.keys.set('pl_1', recordHash({ uuid: 'pl_1', name: 'Gold' }));
  const { parsed, names, counts } = await run(state, [[gold]]);
  assert.deepEqual({ parsed, names, counts }, { parsed: 1, names: [], counts: { records: 1, unchanged: 1 } });
});
