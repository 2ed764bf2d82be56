import assert from 'node:assert/strict';
import test from 'node:test';
import type { DriftMode } from '../../../../core/settings/config.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { ownMessageLimit } from '../../../../core/kafka/message-limits.ts';
import { ChildTable } from '../../../../producers/state/child-table.ts';
import { KeyTable } from '../../../../producers/state/key-table.ts';
import { recordHash } from '../../../../producers/encode/record-hash.ts';
import { pagesOf, sourceOf } from '../../../helpers/stream-encoding.ts';
import { streams } from '../../../../producers/chartmogul/streams.ts';
import { messageHeaders, type Message } from '../../../../producers/encode/message.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';
import { StreamEncoder } from '../../../../producers/run/stream-encoder.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';

const evolve = 'evolve';
const freeze = 'freeze';
const discard = 'discard';

/** Creates a topic, and a function that encodes a source with one record in a given drift mode. */
function createTopic(stream = 'plans') {
  const spec = streams.find(({ name }) => name === stream) ?? assert.fail();
  const state = {
    registry: new FakeRegistry(),
    keys: new KeyTable(),
    children: new ChildTable(),
    deadLetters: new KeyTable(),
    discarded: new KeyTable(),
  };
  const run = async (mode: DriftMode, record: JsonObject, isFull = false): Promise<Message[]> => {
    state.keys.unseeAll();
    const counts = new StreamCounts(spec.name, `test.${spec.name}`);
    const options = { topicPrefix: 'test.', spec, mode, isFull, counts, messageLimit: ownMessageLimit };
    const encoder = new StreamEncoder({ ...state, ...options });
    await encoder.begin();
    const messages: Message[] = [];
    for await (const event of encoder.encode(sourceOf(pagesOf(spec, [[record]]))))
      if (event.kind === 'page') messages.push(...event.messages);
    assert.equal(state.keys.unseen, 0);
    return messages;
  };
  return { ...state, run };
}

type Run = readonly [mode: DriftMode, record: JsonObject, messages: 0 | 1];
const histories: readonly (readonly [name: string, stream: string, runs: readonly Run[]])[] = [
  [
    'an unknown field',
    'plans',
    [
      [discard, { uuid: 'p', name: 'n' }, 1],
      [discard, { uuid: 'p', name: 'n', x: 1 }, 0],
      [discard, { uuid: 'p', x: { a: [null] }, name: 'n', y: [] }, 0],
      [discard, { uuid: 'p', name: 'm', x: 1 }, 1],
      [discard, { uuid: 'p', name: 'm', x: 2 }, 0],
      [discard, { uuid: 'p', name: 'm' }, 0],
    ],
  ],
  [
    'a null in an unknown field',
    'plans',
    [
      [discard, { uuid: 'p', name: null }, 1],
      [discard, { uuid: 'p', name: null, x: null }, 0],
      [discard, { uuid: 'p', name: null, x: 3 }, 0],
      [discard, { uuid: 'p', name: null, x: null, y: null }, 0],
    ],
  ],
  [
    'a null in an unknown field from the first message on',
    'plans',
    [
      [discard, { uuid: 'p', name: 'n', x: null }, 1],
      [discard, { uuid: 'p', name: 'n' }, 0],
      [evolve, { uuid: 'p', name: 'n', x: null }, 0],
      [evolve, { uuid: 'p', name: 'n', x: null, y: null }, 0],
      [freeze, { uuid: 'p', name: 'n', x: null, y: null }, 0],
      [evolve, { uuid: 'p', name: 'n', x: 1 }, 1],
    ],
  ],
  [
    'a misfit in a field that was null',
    'plans',
    [
      [discard, { uuid: 'p', interval_count: null }, 1],
      [discard, { uuid: 'p', interval_count: 'a few' }, 0],
      [discard, { uuid: 'p', interval_count: 'many' }, 0],
      [discard, { uuid: 'p', interval_count: 3 }, 1],
      [discard, { uuid: 'p', interval_count: 'many' }, 1],
      [discard, { uuid: 'p', interval_count: null }, 0],
      [discard, { uuid: 'p' }, 0],
    ],
  ],
  [
    'a misfit in a field that was absent',
    'plans',
    [
      [discard, { uuid: 'p' }, 1],
      [discard, { uuid: 'p', interval_count: ['a'] }, 0],
      [discard, { uuid: 'p', 'interval-count': 'a few' }, 0],
    ],
  ],
  [
    'a misfit in a field that was absent, alongside a null',
    'plans',
    [
      [discard, { uuid: 'p', name: null }, 1],
      [discard, { uuid: 'p', name: null, interval_count: 'a few' }, 0],
    ],
  ],
  [
    'nulls omitted before evolve',
    'plans',
    [
      [discard, { uuid: 'p', name: null, x: null }, 1],
      [evolve, { uuid: 'p', name: null, x: null }, 0],
    ],
  ],
  [
    'members of nested records, including in lists',
    'invoices',
    [
      [
        discard,
        {
          uuid: 'i',
          line_items: [
            { uuid: 'l', x: 1 },
            { uuid: 'm', tax_amount_in_cents: 1 },
          ],
        },
        1,
      ],
      [
        discard,
        {
          uuid: 'i',
          line_items: [
            { uuid: 'l', x: 2 },
            { uuid: 'm', tax_amount_in_cents: 1 },
          ],
        },
        0,
      ],
      [
        discard,
        { uuid: 'i', line_items: [{ uuid: 'l' }, { uuid: 'm', tax_amount_in_cents: 1, y: null }] },
        0,
      ],
      [discard, { uuid: 'i', line_items: [{ uuid: 'l' }, { uuid: 'm', tax_amount_in_cents: 2 }] }, 1],
      [discard, { uuid: 'i', line_items: [{ uuid: 'l', x: 1 }, 'no item'] }, 1],
      [discard, { uuid: 'i', line_items: [{ uuid: 'l', x: 2 }, 'no item at all'] }, 0],
      [discard, { uuid: 'i', line_items: [{ uuid: 'm' }, null] }, 1],
    ],
  ],
  [
    'contents of a free-form object, including nulls',
    'customers',
    [
      [discard, { uuid: 'c', attributes: { custom: { a: null, b: [{ c: null }] } } }, 1],
      [discard, { uuid: 'c', attributes: { custom: { b: [{ c: null }] } } }, 1],
      [discard, { uuid: 'c', attributes: { custom: { b: [{ c: null }] }, x: 1 }, y: 1 }, 0],
      [discard, { uuid: 'c', attributes: { custom: { b: [{}] }, x: 1 }, y: 1 }, 1],
      [evolve, { uuid: 'c', attributes: { custom: { b: [{}] } }, y: 1 }, 1],
      [evolve, { uuid: 'c', attributes: { custom: { b: [{}], z: null } }, y: 1 }, 1],
      [evolve, { uuid: 'c', attributes: { custom: { b: [{}], z: null }, w: null }, y: 1 }, 0],
    ],
  ],
  [
    'fields dropped before evolve',
    'plans',
    [
      [discard, { uuid: 'p', name: 'n', x: 1, interval_count: 'a few' }, 1],
      [evolve, { uuid: 'p', name: 'n', x: 1, interval_count: 'a few' }, 1],
      [evolve, { uuid: 'p', name: 'n', x: 1, interval_count: 'a few' }, 0],
      [discard, { uuid: 'p', name: 'n', x: 1, interval_count: 'a few' }, 0],
      [discard, { uuid: 'p', name: 'n', x: 2, interval_count: 'a few' }, 1],
      [discard, { uuid: 'p', name: 'n', x: 2, interval_count: 'many' }, 1],
      [discard, { uuid: 'p', name: 'n', x: 2, interval_count: 'many', y: 1 }, 0],
      [evolve, { uuid: 'p', name: 'n', x: 2, interval_count: 'many', y: 1 }, 1],
    ],
  ],
  [
    'a list value that became JSON with evolve',
    'invoices',
    [
      [evolve, { uuid: 'i', line_items: [{ uuid: 'l', x: null }, 'no item'] }, 1],
      [evolve, { uuid: 'i', line_items: [{ uuid: 'l' }, 'no item'] }, 1],
      [evolve, { uuid: 'i', line_items: [{ uuid: 'l' }, 'no item'], y: null }, 0],
    ],
  ],
];
for (const [name, stream, runs] of histories) {
  test(`a message is sent only if its content changes: ${name}`, async () => {
    const { run } = createTopic(stream);
    for (const [at, [mode, record, messages]] of runs.entries())
      assert.equal((await run(mode, record)).length, messages, `messages of run ${at + 1}`);
  });
}

test('the hash covers the entire record unless a part is dropped', async () => {
  const records: JsonObject[] = [
    { uuid: 'a', name: null, interval_count: 3 },
    { uuid: 'b', name: 'n', x: null },
  ];
  for (const mode of [evolve, freeze, discard] as const)
    for (const record of records) {
      const [message] = await createTopic().run(mode, record);
      const isWhole = mode !== discard || !('x' in record);
      const hash = message?.headers?.[messageHeaders.hash];
      assert.equal(recordHash(record).equals(hash as Buffer), isWhole, `${mode} ${String(record['uuid'])}`);
    }
});

test('discard skips a record with the hash of the entire record, and --full replaces the hash', async () => {
  const topic = createTopic();
  const record = { uuid: 'p', x: 1 };
  topic.keys.set('p', recordHash(record));
  assert.deepEqual(await topic.run(discard, record), []);
  assert.equal((await topic.run(discard, record, true)).length, 1);
  assert.deepEqual(await topic.run(discard, { ...record, x: 2 }), []);
  assert.equal((await topic.run(evolve, { ...record, x: 2 })).length, 1);
});
