import assert from 'node:assert/strict';
import test from 'node:test';
import type { AvroField, StreamSchema } from '../../core/avro/schema.ts';
import { topicOf } from '../../core/stream-name.ts';
import { startCommand } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const VERSIONS = 60;
const PER_VERSION = 40;

/**
 * Returns version n of the schema, with fields f1 … fn of alternating types and nested records that
 * gain a member with every third version.
 */
function schemaOf(version: number): StreamSchema {
  const optional = (name: string, type: 'long' | 'string'): AvroField => ({
    name,
    type: ['null', type],
    default: null,
  });
  const members = Array.from({ length: Math.floor(version / 3) + 1 }, (_, index) =>
    optional(`m${index}`, 'long'),
  );
  const fields = Array.from({ length: version }, (_, index) =>
    optional(`f${index + 1}`, index % 2 === 0 ? 'long' : 'string'),
  );
  return {
    type: 'record',
    name: 'Race',
    primaryKey: ['uuid'],
    fields: [
      { name: 'uuid', type: 'string' },
      { name: 'version', type: 'long' },
      { name: 'inner', type: ['null', { type: 'record', name: 'Inner', fields: members }], default: null },
      {
        name: 'items',
        type: ['null', { type: 'array', items: ['null', { type: 'record', name: 'Item', fields: members }] }],
        default: null,
      },
      ...fields,
    ],
  };
}

test(`two sinks store every value of every record during ${VERSIONS} schema versions`, async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'race');
  const topic = topicOf(settings.topicPrefix, 'race');
  const producer = await createProducer(t, settings);
  const args = ['--streams', 'race'];
  const sinks = [1, 2].map(() => startCommand(t, 'commands/sink.ts', args, environmentOf(settings)));
  await Promise.all(sinks.map((sink) => sink.logged('"consuming topics"')));
  for (let version = 1; version <= VERSIONS; version++) {
    const schema = schemaOf(version);
    const last = Math.floor(version / 3);
    const records = Array.from({ length: PER_VERSION }, (_, index) => ({
      uuid: `${version}-${index}`,
      version,
      inner: { [`m${last}`]: version },
      items: [{ [`m${last}`]: version }, { m0: index }],
      [`f${version}`]: version % 2 === 1 ? version * 1000 + index : `${version}/${index}`,
    }));
    await producer.send({ topic, messages: await messagesOf(settings, 'race', records, schema) });
  }
  for (const sink of sinks) sink.kill('SIGTERM');
  for (const { result } of sinks) assert.equal((await result).exitCode, 0);
  const [counts] = await sinkStreams(settings, 'race');
  assert.equal(counts?.failure, undefined);
  const value = (version: number) => (version % 2 === 1 ? `toString(f${version})` : `f${version}`);
  const wanted = (version: number) =>
    version % 2 === 1 ? `toString(${version * 1000} + index)` : `concat('${version}/', toString(index))`;
  for (let version = 1; version <= VERSIONS; version++) {
    const last = Math.floor(version / 3);
    const [row] = await rowsOf(
      settings,
      `WITH toInt64(splitByChar('-', uuid)[2]) AS index
       SELECT count() AS records, countIf(${value(version)} = ${wanted(version)}) AS field,
              countIf(tupleElement(inner, 'm${last}') = ${version}) AS inner_member,
              countIf(tupleElement(items[1], 'm${last}') = ${version}) AS item_member,
              countIf(tupleElement(items[2], 'm0') = index) AS second_item
       FROM race WHERE version = ${version}`,
    );
    const all = PER_VERSION;
    assert.deepEqual(
      row,
      { records: all, field: all, inner_member: all, item_member: all, second_item: all },
      `version ${version}`,
    );
  }
  await assertReconciled(settings, ['race']);
});
