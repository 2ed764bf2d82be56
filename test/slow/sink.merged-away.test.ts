import assert from 'node:assert/strict';
import test from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { messagesOf } from '../helpers/topic.ts';
import {
  KEYS,
  type Sent,
  newestFirst,
  createOutOfOrderTopics,
  tableOf,
  optimize,
  counted,
} from '../helpers/out-of-order-topics.ts';

test('a table restored from an older backup, or without some rows, gets its rows again', async (t) => {
  const later: Readonly<Record<string, readonly Sent[]>> = {
    other_keys: newestFirst(50, 100).map((sent) => ({ ...sent, key: sent.key + KEYS })),
    // Every key of one partition has a later row.
    another_key_last: [...newestFirst(50, 99), { key: 99, partition: 2, seconds: 0 }],
    newer: newestFirst(0, 50).map((sent) => ({ ...sent, seconds: 100 + sent.seconds })),
    deleted_then_older: [{ key: 3, partition: 1, seconds: 50, isDelete: true }, ...newestFirst(50, 99)],
    // Older, deleted, and back again.
    deleted_then_back: [
      ...newestFirst(50, 98),
      { key: 5, partition: 1, seconds: 50, isDelete: true },
      { key: 5, partition: 1, seconds: 200 },
    ],
    // Only the parts of the table show that these rows were never in it.
    only_older: newestFirst(50, 100),
  };
  const streams = Object.keys(later).sort();
  const { settings, send, sunk, on } = await createOutOfOrderTopics(t, streams, 'CreateTime');
  for (const stream of streams) await send(stream, newestFirst(0, 50));
  assert.deepEqual(await sunk(), counted(streams, 50));
  const backupOf = (table: string) => table.replace('_raw', '_backup');
  await on((table) => `CREATE TABLE ${backupOf(table)} AS ${table}`);
  await on((table) => `ALTER TABLE ${backupOf(table)} ATTACH PARTITION ID 'all' FROM ${table}`);
  for (const stream of streams) await send(stream, later[stream] ?? []);
  assert.deepEqual(await sunk(), counted(streams, 50));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
  for (const isMerged of [false, true]) {
    if (isMerged) await on((table) => optimize(backupOf(table)));
    await on((table) => `TRUNCATE TABLE ${table}`);
    await on((table) => `ALTER TABLE ${table} ATTACH PARTITION ID 'all' FROM ${backupOf(table)}`);
    // Rows that the backup lost to merges return with them.
    const again = await sunk();
    for (const stream of streams) assert.equal(again[stream], isMerged ? 90 : 50, `${stream} ${isMerged}`);
    await on(optimize);
    assert.deepEqual(await sunk(), counted(streams, 0));
  }
  // The schema of the topic has changed since these messages.
  const plans = readStreamSchema('plans');
  const fields = [...plans.fields, { name: 'more', type: ['null', 'string'], default: null }] as const;
  await messagesOf(settings, 'newer', [], { ...plans, fields });
  await on((table) => `ALTER TABLE ${table} DELETE WHERE uuid = 'pl_5' SETTINGS mutations_sync = 2`);
  const restored = await sunk();
  for (const stream of ['only_older', 'deleted_then_older', 'deleted_then_back', 'newer']) {
    assert.ok(Number(restored[stream]) > 0, stream);
    const found = `SELECT count() > 0 AS found FROM ${tableOf(settings, stream)} WHERE uuid = 'pl_5'`;
    assert.deepEqual(await rowsOf(settings, found), [{ found: 1 }]);
  }
});
