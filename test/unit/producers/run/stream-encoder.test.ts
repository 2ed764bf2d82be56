import assert from 'node:assert/strict';
import test from 'node:test';
import type { AvroField } from '../../../../core/avro/schema.ts';
import { readStreamSchema } from '../../../../core/avro/schema-files.ts';
import { schemaIdOf } from '../../../../core/avro/wire-format.ts';
import type { JsonObject, JsonValue } from '../../../../core/json.ts';
import { recordHash } from '../../../../producers/encode/record-hash.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import { StreamEncoder } from '../../../../producers/run/stream-encoder.ts';
import {
  createState,
  custom,
  encode,
  pagesOf,
  sourceOf,
  specOf,
  type Pages,
} from '../../../helpers/stream-encoding.ts';
const namesOf = (fields: readonly AvroField[]) => fields.map(({ name }) => name);

test('a stream starts with its schema file and registers it once under its own subject', async () => {
  const state = createState();
  await encode(state, []);
  await encode(state, [[{ uuid: 'pl_1' }]]);
  assert.deepEqual(state.registry.registered, [
    { subject: 'test.plans-value', schema: readStreamSchema('plans') },
  ]);
});

test('evolve adds a field to the schema once, before the first message that requires it', async () => {
  const state = createState();
  const plain = { uuid: 'pl_1', name: 'Gold' };
  const drifted = { uuid: 'pl_2', name: 'Silver', vat: 19, 'is hidden': true };
  const { messages, values, counts } = await encode(state, [
    [plain, drifted],
    [{ ...drifted, uuid: 'pl_3' }],
  ]);
  assert.deepEqual(values, [
    plain,
    { uuid: 'pl_2', name: 'Silver', vat: 19n, is_hidden: true },
    { uuid: 'pl_3', name: 'Silver', vat: 19n, is_hidden: true },
  ]);
  assert.deepEqual(
    messages.map(({ value }) => value && schemaIdOf(value)),
    [1, 2, 2],
  );
  assert.equal(state.registry.registered.length, 2);
  assert.deepEqual(counts.newFields, [
    { field: 'is_hidden', type: 'bool' },
    { field: 'vat', type: 'long' },
  ]);
});

test('fields learned by an earlier run are known and not reported again', async () => {
  const state = createState();
  await encode(state, [[{ uuid: 'pl_1', vat: 19 }]]);
  const { values, counts } = await encode(state, [[{ uuid: 'pl_2', vat: 7 }]], { mode: 'freeze' });
  assert.deepEqual(values, [{ uuid: 'pl_2', vat: 7n }]);
  assert.equal(state.registry.registered.length, 2);
  assert.deepEqual(counts.newFields, []);
});

test('a misfit is stored in a variant field, even if its record must be encoded repeatedly', async () => {
  const records = [
    { uuid: 'pl_1', interval_count: 'often' },
    { uuid: 'pl_2', interval_count: [1] },
  ];
  const { values } = await encode(createState(), [records]);
  assert.deepEqual(values, [
    { uuid: 'pl_1', interval_count__v_string: 'often' },
    { uuid: 'pl_2', interval_count__v_json: '[1]' },
  ]);
});

test('freeze rejects a record with an unknown field and sends the others', async () => {
  const state = createState();
  const frozen = { uuid: 'pl_2', vat: 19, tags: ['a'] };
  const pages = [[{ uuid: 'pl_1' }], [frozen, { uuid: 'pl_3' }]];
  const { keys, deadLetters, counts } = await encode(state, pages, { mode: 'freeze' });
  assert.deepEqual(keys, ['pl_1', 'pl_3']);
  assert.deepEqual(deadLetters, [
    {
      key: 'plans|pl_2',
      value: Buffer.from(JSON.stringify(frozen)),
      headers: {
        stream: 'plans',
        step: 'produce',
        code: 'ETL_FROZEN_SCHEMA',
        reason: 'the record has fields that the schema lacks: tags, vat',
        key: 'pl_2',
        page: '/plans, page 2',
        hash: recordHash(frozen),
      },
    },
  ]);
  assert.equal(state.registry.registered.length, 1);
  assert.deepEqual(
    { records: counts.records, new: counts.new, deadLettered: counts.deadLettered },
    { records: 3, new: 2, deadLettered: 1 },
  );
});

test('discard drops and counts values that the schema lacks', async () => {
  const state = createState();
  const records = [
    { uuid: 'pl_1', name: 'Gold', vat: 19, tags: ['a'] },
    { uuid: 'pl_2', interval_count: 'often' },
  ];
  const { values, counts, deadLetters } = await encode(state, [records], { mode: 'discard' });
  assert.deepEqual(values, [{ uuid: 'pl_1', name: 'Gold' }, { uuid: 'pl_2' }]);
  assert.equal(state.registry.registered.length, 1);
  assert.deepEqual(
    { discarded: counts.discarded, newFields: counts.newFields, deadLetters },
    { discarded: 3, newFields: [], deadLetters: [] },
  );
});

test('an unchanged record is skipped, and a changed one is sent with its new hash', async () => {
  const state = createState();
  const [one, two] = [
    { uuid: 'pl_1', name: 'Gold' },
    { uuid: 'pl_2', name: 'Silver' },
  ];
  const first = await encode(state, [[one], [two]]);
  assert.deepEqual(
    { new: first.counts.new, changed: first.counts.changed, unchanged: first.counts.unchanged },
    { new: 2, changed: 0, unchanged: 0 },
  );
  const changed = { ...two, name: 'Steel' };
  const { messages, counts } = await encode(state, [
    [{ name: 'Gold', uuid: 'pl_1' }, changed],
    [{ uuid: 'pl_3' }],
  ]);
  assert.deepEqual(
    messages.map(({ key, headers }) => ({ key, headers })),
    [
      { key: 'pl_2', headers: { hash: recordHash(changed) } },
      { key: 'pl_3', headers: { hash: recordHash({ uuid: 'pl_3' }) } },
    ],
  );
  assert.deepEqual(
    { records: counts.records, new: counts.new, changed: counts.changed, unchanged: counts.unchanged },
    { records: 3, new: 1, changed: 1, unchanged: 1 },
  );
  assert.equal(state.keys.unseen, 0);
});

test('a full run sends everything once, however often the source returns it', async () => {
  const state = createState();
  const records = [{ uuid: 'pl_1' }, { uuid: 'pl_2' }];
  await encode(state, [records]);
  const { keys, counts } = await encode(state, [records, records, [{ uuid: 'pl_3' }]], { isFull: true });
  assert.deepEqual(keys, ['pl_1', 'pl_2', 'pl_3']);
  assert.deepEqual(
    { records: counts.records, unchanged: counts.unchanged, new: counts.new },
    { records: 3, unchanged: 2, new: 1 },
  );
});

test('a record that changes during the run is sent again, and the topic has the last version', async () => {
  const state = createState();
  const named = (name: string) => ({ uuid: 'pl_1', name });
  const pages = [[named('a')], [named('b')], [named('b')], [named('a')]];
  const { values, counts } = await encode(state, pages);
  assert.deepEqual(values, [named('a'), named('b'), named('a')]);
  assert.deepEqual(
    { records: counts.records, new: counts.new, changed: counts.changed, unchanged: counts.unchanged },
    { records: 1, new: 1, changed: 2, unchanged: 0 },
  );
  assert.deepEqual((await encode(state, [[named('a')]])).values, []);
});

test('a rejected record is rejected again only after a change', async () => {
  const state = createState();
  const frozen = { uuid: 'pl_1', vat: 19 };
  const options = { mode: 'freeze' } as const;
  assert.equal((await encode(state, [[frozen], [frozen]], options)).deadLetters.length, 1);
  const again = await encode(state, [[frozen]], options);
  assert.deepEqual(
    {
      deadLetters: again.deadLetters,
      deadLettered: again.counts.deadLettered,
      unchanged: again.counts.unchanged,
    },
    { deadLetters: [], deadLettered: 1, unchanged: 0 },
  );
  assert.equal((await encode(state, [[{ ...frozen, vat: 7 }]], options)).deadLetters.length, 1);
});

test('the key of a rejected record counts as seen, so its row is not deleted', async () => {
  const state = createState();
  await encode(state, [[{ uuid: 'pl_1' }, { uuid: 'pl_2' }]]);
  for (let runs = 0; runs < 2; runs++) {
    await encode(state, [[{ uuid: 'pl_1', vat: 19 }]], { mode: 'freeze' });
    assert.deepEqual(
      { pl_1: state.keys.isSeen('pl_1'), pl_2: state.keys.isSeen('pl_2') },
      { pl_1: true, pl_2: false },
    );
  }
  assert.deepEqual((await encode(state, [[{ uuid: 'pl_1', vat: 19 }]])).values, [{ uuid: 'pl_1', vat: 19n }]);
});

const unkeyed: readonly (readonly [name: string, value: JsonValue, reason: RegExp])[] = [
  ['without its key', { name: 'Gold' }, /uuid/],
  ['with a key that is null', { uuid: null }, /uuid/],
  ['with a key of another type', { uuid: 7 }, /uuid/],
  ['that is a string', 'pl_1', /not an object/],
  ['that is a list', [{ uuid: 'pl_1' }], /not an object/],
  ['that is null', null, /not an object/],
];
for (const [name, value, reason] of unkeyed) {
  test(`a record ${name} is rejected once, with its hash`, async () => {
    const state = createState();
    const { keys, deadLetters, counts } = await encode(state, [[value, { uuid: 'pl_2' }, value]]);
    assert.deepEqual(keys, ['pl_2']);
    assert.equal(deadLetters.length, 1);
    const [deadLetter] = deadLetters;
    assert.equal(deadLetter?.key, `plans|${recordHash(value).toString('hex')}`);
    assert.equal(String(deadLetter.value), JSON.stringify(value));
    assert.equal(deadLetter.headers?.['code'], 'ETL_UNKEYED_RECORD');
    assert.match(String(deadLetter.headers['reason']), reason);
    assert.ok(!('key' in deadLetter.headers));
    assert.deepEqual(
      {
        records: counts.records,
        new: counts.new,
        deadLettered: counts.deadLettered,
        unchanged: counts.unchanged,
      },
      { records: 3, new: 1, deadLettered: 1, unchanged: 0 },
    );
  });
}

test('a record nested too deeply is rejected once, with the names of its fields', async () => {
  const state = createState();
  let deep: JsonValue = [];
  for (let depth = 0; depth < 50_000; depth++) deep = [deep];
  const { keys, deadLetters } = await encode(state, [[{ uuid: 'pl_1', deep }], [{ uuid: 'pl_2' }]]);
  assert.deepEqual(keys, ['pl_2']);
  assert.deepEqual(
    deadLetters.map(({ key, value, headers }) => [key, String(value), headers?.['code']]),
    [['plans|pl_1', '["uuid","deep"]', 'ETL_NESTED_TOO_DEEPLY']],
  );
  assert.deepEqual((await encode(state, [[{ uuid: 'pl_1', deep }]])).deadLetters, []);
});

test('an unknown field in every item of a long list counts once', async () => {
  const state = createState();
  const items = Array.from({ length: 600 }, (_, at) => ({ uuid: `li_${at}`, vat: at }));
  const invoice = { uuid: 'inv_1', line_items: items };
  const { counts, messages } = await encode(state, [[invoice]], { spec: specOf('invoices') });
  assert.deepEqual(counts.newFields, [{ field: 'line_items.vat', type: 'long' }]);
  assert.equal(messages.length, 1);
});

test('the parent header names the parent of the list or of the record', async () => {
  const state = createState();
  const spec = specOf('customer_subscriptions');
  const records: JsonObject[] = [{ id: 1, customer_uuid: 'cus_1' }, { id: 2 }];
  const whole = await encode(state, [records], { spec });
  assert.deepEqual(
    whole.messages.map(({ headers }) => headers?.['parent']),
    ['cus_1', undefined],
  );
  assert.ok(!Object.keys(whole.messages[1]?.headers ?? {}).includes('parent'));
  const list = { visit: { parent: 'cus_2', token: Buffer.alloc(8) } };
  const visited = await encode(state, [[{ id: 3 }]], { spec, list });
  assert.equal(visited.messages[0]?.headers?.['parent'], 'cus_2');
  assert.deepEqual(
    { cus_1: state.children.of('cus_1'), cus_2: state.children.of('cus_2') },
    { cus_1: ['1'], cus_2: ['3'] },
  );
  const { messages } = await encode(state, [[{ uuid: 'pl_1', customer_uuid: 'cus_1' }]]);
  assert.ok(!Object.keys(messages[0]?.headers ?? {}).includes('parent'));
});

test('an optional stream registers nothing before its first record', async () => {
  const state = createState();
  const spec = specOf('transactions');
  await encode(state, [], { spec });
  await encode(state, [[], []], { spec });
  assert.deepEqual(state.registry.registered, []);
  const { keys } = await encode(state, [[], [{ uuid: 'tr_1' }]], { spec });
  assert.deepEqual(keys, ['tr_1']);
  assert.deepEqual(state.registry.registered, [
    { subject: 'test.transactions-value', schema: readStreamSchema('transactions') },
  ]);
});

test('a stream without a schema file infers its schema from the first pages and keeps it', async () => {
  const state = createState();
  const pages = [[{ id: 1, total: 5 }], [], [{ id: 2, note: 'late' }]];
  const { values } = await encode(state, pages, { spec: custom });
  assert.deepEqual(values, [
    { id: 1n, total: 5n },
    { id: 2n, note: 'late' },
  ]);
  const fields = () => state.registry.registered.map(({ schema }) => namesOf(schema.fields));
  assert.deepEqual(fields(), [['id', 'total', 'note']]);
  const { counts } = await encode(state, [[{ id: 3, first: true, total: 'x' }]], { spec: custom });
  assert.deepEqual(
    counts.newFields.map(({ field }) => field),
    ['first', 'total__v_string'],
  );
  assert.deepEqual(fields()[1]?.slice(0, 3), ['id', 'total', 'note']);
});

const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));
const samples: readonly (readonly [name: string, pages: Pages, asked: number])[] = [
  ['all pages of a short list', [rows(1), rows(2), rows(3)], 3],
  ['twenty small pages', Array.from({ length: 30 }, () => rows(1)), 20],
  ['twenty pages even if only one has records', [rows(1), ...Array.from({ length: 30 }, () => [])], 20],
  ['four hundred records', Array.from({ length: 30 }, () => rows(200)), 2],
  ['only the first page if it is empty', [[], rows(1)], 1],
];
for (const [name, pages, asked] of samples) {
  test(`schema inference waits for ${name}`, async () => {
    const spec = custom;
    const counts = new StreamCounts(spec.name, 'test.credit_notes');
    const options = { topicPrefix: 'test.', spec, mode: 'evolve', isFull: false, counts } as const;
    const encoder = new StreamEncoder({ ...createState(), ...options });
    await encoder.begin();
    let read = 0;
    const source = sourceOf(pagesOf(spec, pages), () => read++);
    const numbers: number[] = [];
    for await (const event of encoder.encode(source)) {
      assert.ok(event.kind === 'page');
      if (numbers.length === 0) assert.equal(read, asked);
      numbers.push(event.number);
    }
    assert.deepEqual(
      numbers,
      pages.map((_, at) => at + 1),
    );
  });
}

test('a signal interrupts the encoding of a long page, which is then not sent', async () => {
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  const counts = new StreamCounts('plans', 'test.plans');
  const options = {
    topicPrefix: 'test.',
    mode: 'evolve',
    isFull: false,
    counts,
    signal: abort.signal,
  } as const;
  const encoder = new StreamEncoder({ ...createState(), ...options, spec: specOf('plans') });
  await encoder.begin();
  const pages = [[{ uuid: 'a' }], Array.from({ length: 300_000 }, () => null)];
  const encoded: number[] = [];
  for await (const event of encoder.encode(sourceOf(pagesOf(specOf('plans'), pages))))
    if (event.kind === 'page') encoded.push(event.number);
  assert.deepEqual(encoded, [1]);
  assert.ok(counts.records < 300_000, String(counts.records));
});
