import assert from 'node:assert/strict';
import test from 'node:test';
import { deadLetterHeaders } from '../../../../core/dead-letters/format.ts';
import { OversizedRecordError } from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { recordBytes } from '../../../../producers/encode/message.ts';
import { createState, custom, encode, specOf } from '../../../helpers/stream-encoding.ts';
test('a record with more than 500 unknown fields is rejected, and the schema stays unchanged', async () => {
  const state = createState();
  const fields = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, at]));
  const { deadLetters, keys } = await encode(state, [[{ uuid: 'pl_1', ...fields(501) }, { uuid: 'pl_2' }]]);
  assert.deepEqual(keys, ['pl_2']);
  assert.equal(deadLetters[0]?.headers?.[deadLetterHeaders.code], OversizedRecordError.code);
  assert.equal(state.registry.registered.length, 1);
  assert.equal((await encode(state, [[{ uuid: 'pl_1', ...fields(500) }]])).counts.newFields.length, 500);
});

test('the limit counts unknown fields and misfits at all levels together', async () => {
  const state = createState();
  const items = (count: number) => [
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, at])),
  ];
  const invoice = (first: number, second: number): JsonObject => ({
    uuid: 'inv_1',
    line_items: items(first),
    transactions: items(second),
    due_date: 'soon',
  });
  const options = { spec: specOf('invoices') };
  const tooMany = await encode(state, [[invoice(250, 250)]], options);
  assert.deepEqual(
    { messages: tooMany.messages.length, deadLetters: tooMany.deadLetters.length },
    { messages: 0, deadLetters: 1 },
  );
  assert.equal(state.registry.registered.length, 1);
  const many = await encode(state, [[invoice(250, 249)]], options);
  assert.equal(many.counts.newFields.length, 500);
  // All schema changes for one record form one new version.
  assert.equal(state.registry.registered.length, 2);
});

test('a schema stays below the registry size limit; records that would exceed it are rejected', async () => {
  const state = createState();
  const records = Array.from({ length: 8 }, (_, record) => ({
    uuid: `pl_${record}`,
    ...Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`${'x'.repeat(250)}_${record}_${at}`, at])),
  }));
  const { messages, deadLetters } = await encode(state, [[...records, { uuid: 'last' }]]);
  assert.ok(messages.length > 3 && deadLetters.length > 0 && messages.length + deadLetters.length === 9);
  assert.equal(messages.at(-1)?.key, 'last');
  assert.match(
    String(deadLetters[0]?.headers?.[deadLetterHeaders.reason]),
    /STREAM_MODES=plans=discard.*x{100}, .* and 480 more$/,
  );
  for (const { schema } of state.registry.registered)
    assert.ok(JSON.stringify(JSON.stringify(schema)).length < 1_000_000);
});

test('a record beyond the registry limit does not define the schema of a new stream', async () => {
  const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`f${at}`, at]));
  const { keys, deadLetters } = await encode(
    createState(),
    [
      [
        { id: 'a', x: 1 },
        { id: 'b', ...fields },
      ],
    ],
    { spec: custom },
  );
  assert.deepEqual({ keys, deadLetters: deadLetters.length }, { keys: ['a'], deadLetters: 1 });
});

const tooLarge: readonly (readonly [name: string, record: JsonObject])[] = [
  ['in a known field', { uuid: 'pl_1', name: 'x'.repeat(5_000) }],
  ['in an unknown field', { uuid: 'pl_1', text: 'x'.repeat(5_000) }],
  ['in its key', { uuid: 'é'.repeat(50_000) }],
];
for (const mode of ['evolve', 'freeze', 'discard'] as const)
  for (const [name, record] of tooLarge) {
    const isCut = mode === 'discard' && 'text' in record;
    test(`${mode}: a record that is too large ${name} is ${isCut ? 'sent without the field' : 'rejected'}, and the others are sent`, async () => {
      const state = createState();
      const messageLimit = (topic: string) => (topic === 'test.plans' ? 1_000 : 100_000);
      const pages = [[{ uuid: 'pl_0' }, record, { uuid: 'pl_2' }]];
      const { keys, deadLetters, counts } = await encode(state, pages, { mode, messageLimit });
      assert.deepEqual(keys, ['pl_0', ...(isCut ? ['pl_1'] : []), 'pl_2']);
      const rejected = isCut ? 0 : 1;
      assert.equal(deadLetters.length, rejected);
      assert.equal(counts.deadLettered, rejected);
      assert.equal(state.registry.registered.length, 1);
      for (const { key, value, headers } of deadLetters) {
        assert.ok(recordBytes({ key, value, headers: headers ?? {} }) < 100_000);
        const named = String(headers?.[deadLetterHeaders.key]);
        assert.equal(headers?.[deadLetterHeaders.page], '/plans, page 1');
        assert.ok(String(record['uuid']).startsWith(named.slice(0, 4_000)));
      }
      assert.deepEqual((await encode(state, pages, { mode, messageLimit })).deadLetters, []);
    });
  }

test('a dead letter that is too large is truncated and states its original length', async () => {
  const record = { uuid: 'pl_1', name: 'é'.repeat(100_000) };
  const messageLimit = (topic: string) => (topic === 'test.plans' ? 1_000 : 150_000);
  const { deadLetters } = await encode(createState(), [[record]], { messageLimit });
  const whole = JSON.stringify(record);
  const [deadLetter] = deadLetters;
  assert.equal(String(deadLetter?.headers?.[deadLetterHeaders.truncated]), String(Buffer.byteLength(whole)));
  assert.ok(deadLetter?.value && deadLetter.value.length < 100_000);
  assert.ok(Buffer.from(whole).subarray(0, deadLetter.value.length).equals(deadLetter.value));
});
