import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { streamSchema } from '../../../../producers/encode/stream-schema.ts';

test('a custom stream keeps the schema of its topic and rejects another primary key', () => {
  const records = [{ id: 'a', date: '2024-01-01' }];
  const first = streamSchema({ name: 'mine', primaryKey: ['id'] }, undefined, records);
  assert.equal(streamSchema({ name: 'mine', primaryKey: ['id'] }, first, []), first);
  assert.throws(
    () => streamSchema({ name: 'mine', primaryKey: ['id', 'date'] }, first, records),
    (error) =>
      error instanceof ConfigError && /mine .*\(id, date\) in CONFIG_FILE, .*\(id\)/.test(error.message),
  );
});
