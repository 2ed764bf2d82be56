import assert from 'node:assert/strict';
import { test } from 'node:test';
import avro from 'avsc';
import type { Registry } from '../../../../core/avro/registry.ts';
import { ServiceUnavailableError } from '../../../../core/errors.ts';
import { RunDecoder } from '../../../../operations/runs/run-record.ts';
import { readLastRun } from '../../../../operations/status/last-run.ts';

const text = { type: 'string' };
const run = { run: 'r', stream: 'plans', outcome: 'done' };

function schemaWith(type: unknown) {
  const names = ['run', 'stream', 'outcome'];
  const fields = [...names.map((name) => ({ name, type: text })), { name: 'more', type }];
  return { type: 'record', name: 'Run', primaryKey: ['run', 'stream'], fields };
}

function framed(id: number, avroBytes: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, avroBytes]);
}

/** Returns a registry that contains only this schema, with id 1. */
function registryWith(schema: unknown): Registry {
  const schemaText = (id: number) =>
    Promise.resolve(
      id === 1 ? { id, type: 'AVRO', text: JSON.stringify(schema), references: [] } : undefined,
    );
  return { schemaText } as unknown as Registry;
}

/** Returns a message whose field `more` has these bytes. */
function messageWith(more: Buffer): Buffer {
  const head = avro.Type.forSchema({
    type: 'record',
    name: 'Head',
    fields: ['run', 'stream', 'outcome'].map((name) => ({ name, type: 'string' })),
  }).toBuffer(run);
  return framed(1, Buffer.concat([head, more]));
}

const long = (value: number) => avro.Type.forSchema('long').toBuffer(value);
const end = long(0);

test('RunDecoder decodes a run with its counts', async () => {
  const schema = schemaWith('long');
  schema.fields.push({ name: 'records', type: 'long' });
  const message = messageWith(Buffer.concat([long(1), long(41_000)]));
  const decoded = await new RunDecoder(registryWith(schema)).decode(message, 5);
  assert.deepEqual(
    [decoded?.run, decoded?.stream, decoded?.outcome, decoded?.counts.records, decoded?.recordedAtMs],
    ['r', 'plans', 'done', 41_000, 5],
  );
});

const bombs: readonly (readonly [what: string, type: unknown, more: Buffer])[] = [
  [
    'four billion empty records',
    { type: 'array', items: { type: 'record', name: 'E', fields: [] } },
    Buffer.concat([long(4e9), end]),
  ],
  ['two billion nulls', { type: 'array', items: 'null' }, Buffer.concat([long(2e9), end])],
  [
    'five million numbers',
    { type: 'array', items: 'int' },
    Buffer.concat([long(5e6), Buffer.alloc(5e6), end]),
  ],
  ['a field of an unknown type', 'no such type', end],
];
for (const [what, type, more] of bombs) {
  test(`RunDecoder and readLastRun reject a message with ${what}`, async () => {
    const registry = registryWith(schemaWith(type));
    const value = messageWith(more);
    assert.equal(await new RunDecoder(registry).decode(value, 0), undefined);
    await assert.rejects(
      readLastRun('plans', { value, timeMs: 0 }, registry),
      /^DecodeError: the last run of plans cannot be read/,
    );
  });
}

test('RunDecoder skips bytes without a frame and messages with unknown schemas', async () => {
  const decoder = new RunDecoder(registryWith(schemaWith('long')));
  for (const value of [Buffer.alloc(0), Buffer.from('{}'), framed(2, Buffer.alloc(4))])
    assert.equal(await decoder.decode(value, 0), undefined);
});

test('RunDecoder fails when the registry fails', async () => {
  const failing = { schemaText: () => Promise.reject(new ServiceUnavailableError('away')) };
  const decoder = new RunDecoder(failing as unknown as Registry);
  await assert.rejects(decoder.decode(messageWith(long(1)), 0), ServiceUnavailableError);
});
