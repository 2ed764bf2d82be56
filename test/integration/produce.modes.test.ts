import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { DriftMode, Settings } from '../../core/settings/config.ts';
import { deadLettersTopic, subjectOf, topicOf } from '../../core/stream-name.ts';
import { streams } from '../../producers/chartmogul/streams.ts';
import { compareSource } from '../../operations/reconcile/source/compare-source.ts';
import { runSummary } from '../../producers/report/run-summary.ts';
import type { StreamCounts } from '../../producers/report/stream-counts.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { keysOf, readTopic } from '../helpers/read-topic.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

/**
 * Creates a source whose list of plans the test changes, and functions that run `produce` and
 * compare the source in a drift mode.
 */
async function createSource(t: TestContext) {
  let answer = '';
  const { baseUrl } = await createApiServer(t, { '/plans': (_, response) => response.end(answer) });
  const settings = createSettings(t, baseUrl);
  const run = async (mode: DriftMode, ...plans: string[]): Promise<StreamCounts> => {
    answer = `{"plans":[${plans.join(',')}],"has_more":false}`;
    const produce = { ...settings.produce, modes: new Map([['plans', mode]]) };
    const [counts] = await produceStreams({ ...settings, produce }, 'plans');
    assert.ok(counts);
    assert.equal(counts.failure, undefined);
    return counts;
  };
  const compare = async (mode: DriftMode) => {
    const produce = { ...settings.produce, modes: new Map([['plans', mode]]) };
    const specs = streams.filter(({ name }) => name === 'plans');
    const [comparison] = await compareSource({ ...settings, produce }, specs, noSignal);
    assert.ok(comparison);
    assert.equal(comparison.failure, undefined);
    const { missing, changed, stray } = comparison.counts;
    return { missing, changed, stray };
  };
  return { settings, run, compare };
}

const topic = ({ topicPrefix }: Settings) => topicOf(topicPrefix, 'plans');
const deadLettersOf = (settings: Settings) => readTopic(settings, deadLettersTopic(settings.topicPrefix));

async function latestFields({ schemaRegistry, topicPrefix }: Settings): Promise<string[]> {
  const latest = await new Registry(schemaRegistry, noSignal).latest(subjectOf(topicPrefix, 'plans'));
  const known = readStreamSchema('plans').fields.map(({ name }) => name);
  return (latest?.schema.fields ?? []).map(({ name }) => name).filter((name) => !known.includes(name));
}

test('evolve adds a new field and reports its name and type, never its value', async (t) => {
  const { settings, run } = await createSource(t);
  const plans = [
    `{"uuid":"pl_1","colour":"secret red","seats":3,"is-legacy":true}`,
    `{"uuid":"pl_2","rate":0.5,"price":{"cents":1},"name":7}`,
  ];
  const counts = await run('evolve', ...plans);
  assert.deepEqual(counts.newFields, [
    { field: 'colour', type: 'string' },
    { field: 'is_legacy', type: 'bool' },
    { field: 'seats', type: 'long' },
    { field: 'price', type: 'json' },
    { field: 'rate', type: 'double' },
    { field: 'name__v_long', type: 'long' },
  ]);
  assert.match(
    runSummary([counts]),
    /^plans has new fields: colour \(string\), is_legacy \(bool\), seats \(long\), price \(json\), rate \(double\), name__v_long \(long\)$/m,
  );
  assert.doesNotMatch(runSummary([counts]), /secret/);
  const second = await run('evolve', ...plans, `{"uuid":"pl_3","colour":"blue"}`);
  assert.deepEqual(
    { messages: second.messages, newFields: second.newFields },
    { messages: 1, newFields: [] },
  );
  const learned = counts.newFields.map(({ field }) => field);
  assert.deepEqual(await latestFields(settings), learned);
});

const misfits: readonly { name: string; record: string; reason: RegExp }[] = [
  { name: 'a field that the schema lacks', record: `{"uuid":"pl_2","colour":"red"}`, reason: /\bcolour\b/ },
  {
    name: 'a value that does not fit its field',
    record: `{"uuid":"pl_2","interval_count":"a few"}`,
    reason: /\binterval_count__v_string\b/,
  },
];
for (const { name, record, reason } of misfits) {
  test(`freeze sends a record with ${name} to the dead-letter topic unchanged, once`, async (t) => {
    const { settings, run } = await createSource(t);
    const first = await run('freeze', `{"uuid":"pl_1"}`, record, `{"uuid":"pl_3"}`);
    assert.deepEqual(
      { records: first.records, messages: first.messages, deadLettered: first.deadLettered },
      { records: 3, messages: 2, deadLettered: 1 },
    );
    assert.match(runSummary([first]), /^sent to the dead-letter topic: 1 from plans$/m);
    assert.deepEqual(await keysOf(settings, topic(settings)), ['pl_1', 'pl_3']);
    const [deadLetter, ...more] = await deadLettersOf(settings);
    assert.ok(deadLetter && more.length === 0);
    assert.equal(deadLetter.value?.toString('utf8'), record);
    const header = (key: string) => deadLetter.headers[key]?.toString('utf8') ?? '';
    assert.deepEqual(['stream', 'step', 'key', 'page', 'code'].map(header), [
      'plans',
      'produce',
      'pl_2',
      '/plans, page 1',
      'ETL_FROZEN_SCHEMA',
    ]);
    assert.match(header('reason'), reason);
    assert.doesNotMatch(header('reason'), /red|a few/);
    assert.deepEqual(await latestFields(settings), []);

    const second = await run('freeze', `{"uuid":"pl_1"}`, record, `{"uuid":"pl_3"}`);
    assert.deepEqual(
      { messages: second.messages, deadLettered: second.deadLettered, unchanged: second.unchanged },
      { messages: 0, deadLettered: 1, unchanged: 2 },
    );
    assert.equal((await deadLettersOf(settings)).length, 1);
    const changed = record.replace('{', '{"name":"another",');
    assert.equal((await run('freeze', `{"uuid":"pl_1"}`, changed, `{"uuid":"pl_3"}`)).deadLettered, 1);
  });
}

test('freeze neither updates nor deletes a record that drifts after it was sent', async (t) => {
  const { settings, run } = await createSource(t);
  await run('freeze', `{"uuid":"pl_1","name":"old"}`);
  const drifted = await run('freeze', `{"uuid":"pl_1","name":"new","colour":"red"}`);
  assert.deepEqual(
    { deadLettered: drifted.deadLettered, deleted: drifted.deleted },
    { deadLettered: 1, deleted: 0 },
  );
  assert.deepEqual(await keysOf(settings, topic(settings)), ['pl_1']);
  const repaired = await run('evolve', `{"uuid":"pl_1","name":"new","colour":"red"}`);
  assert.deepEqual(
    { changed: repaired.changed, deadLettered: repaired.deadLettered },
    { changed: 1, deadLettered: 0 },
  );
});

test('discard drops and counts values that do not fit, and sends the rest of the record', async (t) => {
  const { settings, run } = await createSource(t);
  const plans = [
    `{"uuid":"pl_1","name":"one","colour":"red","seats":3}`,
    `{"uuid":"pl_2","name":"two","interval_count":"a few"}`,
    `{"uuid":"pl_3","name":"three"}`,
  ];
  const counts = await run('discard', ...plans);
  assert.deepEqual(
    { messages: counts.messages, discarded: counts.discarded, deadLettered: counts.deadLettered },
    { messages: 3, discarded: 3, deadLettered: 0 },
  );
  assert.deepEqual(counts.newFields, []);
  assert.match(runSummary([counts]), /^omitted in discard mode: 3 from plans$/m);
  assert.deepEqual(await latestFields(settings), []);
  const again = await run('discard', ...plans);
  assert.deepEqual({ messages: again.messages, discarded: again.discarded }, { messages: 0, discarded: 0 });
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid, name, interval_count FROM plans ORDER BY uuid'), [
    { uuid: 'pl_1', name: 'one', interval_count: null },
    { uuid: 'pl_2', name: 'two', interval_count: null },
    { uuid: 'pl_3', name: 'three', interval_count: null },
  ]);
});

test('discard ignores changes to dropped fields, and a later run with evolve sends them', async (t) => {
  const { run, compare } = await createSource(t);
  await run('discard', `{"uuid":"pl_1","name":"one","colour":"red"}`, `{"uuid":"pl_2","name":null}`);
  const changed = [
    `{"uuid":"pl_1","name":"one","colour":"blue","x":[1]}`,
    `{"uuid":"pl_2","name":null,"y":null}`,
  ];
  assert.equal((await run('discard', ...changed)).messages, 0);
  assert.deepEqual(await compare('discard'), { missing: 0, changed: 0, stray: 0 });
  assert.deepEqual(await compare('evolve'), { missing: 0, changed: 1, stray: 0 });
  assert.equal((await run('evolve', ...changed)).messages, 1);
  assert.deepEqual(await compare('evolve'), { missing: 0, changed: 0, stray: 0 });
  assert.equal((await run('discard', ...changed)).messages, 0);
});

for (const mode of ['freeze', 'discard'] as const) {
  test(`${mode} accepts fields that earlier runs registered`, async (t) => {
    const { settings, run } = await createSource(t);
    await run('evolve', `{"uuid":"pl_1","colour":"red"}`);
    const counts = await run(mode, `{"uuid":"pl_1","colour":"red"}`, `{"uuid":"pl_2","colour":"blue"}`);
    assert.deepEqual(
      { messages: counts.messages, deadLettered: counts.deadLettered, discarded: counts.discarded },
      { messages: 1, deadLettered: 0, discarded: 0 },
    );
    await sinkStreams(settings, 'plans');
    assert.deepEqual(await rowsOf(settings, 'SELECT uuid, colour FROM plans ORDER BY uuid'), [
      { uuid: 'pl_1', colour: 'red' },
      { uuid: 'pl_2', colour: 'blue' },
    ]);
  });
}

test('a drift mode applies only to its stream', async (t) => {
  const drifting = (key: string) => `{"${key}":[{"uuid":"x_1","colour":"red"}],"has_more":false}`;
  const { baseUrl } = await createApiServer(t, {
    '/plans': drifting('plans'),
    '/plan_groups': drifting('plan_groups'),
  });
  const settings = createSettings(t, baseUrl);
  const produce = { ...settings.produce, modes: new Map([['plans', 'freeze'] as const]) };
  const counts = await produceStreams({ ...settings, produce }, 'plans', 'plan_groups');
  const outcome = counts.map(({ stream, messages, deadLettered }) => [stream, messages, deadLettered]);
  assert.deepEqual(outcome.sort(), [
    ['plan_groups', 1, 0],
    ['plans', 0, 1],
  ]);
});
