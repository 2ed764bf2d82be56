import assert from 'node:assert/strict';
import test from 'node:test';
import type { WriterSchema } from '../../../../consumers/schema/writer-type.ts';
import type { StorageTable } from '../../../../consumers/table/storage-table.ts';
import { StreamSchemas } from '../../../../consumers/stream/stream-schemas.ts';
import { UnknownSchemaError } from '../../../../core/errors.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';

const columns: never[] = [];
const table = { stream: 'mine', columns, forget: () => {} } as unknown as StorageTable;

/** A registry without schemas, which records the requested ids. */
class EmptyRegistry extends FakeRegistry {
  readonly asked: number[] = [];

  override schemaText(id: number): Promise<undefined> {
    this.asked.push(id);
    return Promise.resolve(undefined);
  }
}

test('the primary key comes from the schemas learned since the table was recreated', async () => {
  const texts = [['id'], ['id', 'part']].map((primaryKey) => {
    const fields = ['id', 'part'].map((name) => ({ name, type: 'string' }));
    return JSON.stringify({ type: 'record', name: 'Mine', primaryKey, fields });
  });
  let latest = 0;
  const registry = new FakeRegistry();
  registry.latestText = () =>
    Promise.resolve({ id: latest + 1, type: 'AVRO', text: texts[latest] ?? '', references: [] });
  const made = {
    stream: 'mine',
    columns,
    forget: () => {},
    cover: (schema: WriterSchema) => Promise.resolve(schema),
  };
  const schemas = new StreamSchemas(registry, 't.mine-value', made as unknown as StorageTable);
  await schemas.learnLatest();
  assert.deepEqual(schemas.primaryKey, ['id']);
  latest = 1;
  schemas.forget();
  await schemas.learnLatest();
  assert.deepEqual(schemas.primaryKey, ['id', 'part']);
});

test('the first unknown schema id is requested three times, and the next ids once each', async () => {
  const registry = new EmptyRegistry();
  const schemas = new StreamSchemas(registry, 't.mine-value', table);
  for (const id of [7, 8, 9]) await schemas.learn(id);
  assert.deepEqual(registry.asked, [7, 7, 7, 8, 9]);
  for (const id of [7, 8, 9]) assert.throws(() => schemas.transcoderOf(id, columns), UnknownSchemaError);
});

test('unknown schema ids are requested again after a minute', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const registry = new EmptyRegistry();
  const schemas = new StreamSchemas(registry, 't.mine-value', table);
  await schemas.learn(1);
  await schemas.learn(2);
  nowMs = 59_999;
  assert.throws(() => schemas.transcoderOf(1, columns), UnknownSchemaError);
  nowMs = 60_000;
  assert.equal(schemas.transcoderOf(1, columns), undefined, 'the schema must be learned again');
  registry.asked.length = 0;
  await schemas.learn(1);
  assert.deepEqual(registry.asked, [1, 1, 1]);
});
