import assert from 'node:assert/strict';
import test from 'node:test';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import { runCommand } from '../helpers/command.ts';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import {
  KEYS,
  type Sent,
  counted,
  createOutOfOrderTopics,
  newestFirst,
  optimize,
  tableOf,
} from '../helpers/out-of-order-topics.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { messagesOf } from '../helpers/topic.ts';

test('the sink refills a table that was restored from an older backup or has lost rows', async (t) => {
  const later: Readonly<Record<string, readonly Sent[]>> = {
    other_keys: newestFirst(50, 100).map((sent) => ({ ...sent, key: sent.key + KEYS })),
    // A new key on another partition comes last.
    another_key_last: [...newestFirst(50, 99), { key: 99, partition: 2, seconds: 0 }],
    newer: newestFirst(0, 50).map((sent) => ({ ...sent, seconds: 100 + sent.seconds })),
    deleted_then_older: [{ key: 3, partition: 1, seconds: 50, isDelete: true }, ...newestFirst(50, 99)],
    // Older, deleted, and back again.
    deleted_then_back: [
      ...newestFirst(50, 98),
      { key: 5, partition: 1, seconds: 50, isDelete: true },
      { key: 5, partition: 1, seconds: 200 },
    ],
    // Only the table's parts reveal that these rows were never in it.
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
    // The sink also inserts the rows that the backup has lost to merges.
    const again = await sunk();
    for (const stream of streams) assert.equal(again[stream], isMerged ? 90 : 50, `${stream} ${isMerged}`);
    await on(optimize);
    assert.deepEqual(await sunk(), counted(streams, 0));
  }
  // The schema of `newer` has changed since its messages were sent.
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

test('a restarted sink does not reinsert merged-away rows that follow the last remaining row', async (t) => {
  const scenarios: Readonly<Record<string, readonly Sent[]>> = {
    newest_first: newestFirst(0, 100),
    // Each key is on all partitions: the winning row may be on another partition.
    over_partitions: newestFirst(0, 100).map((sent, index) => ({ ...sent, partition: index % 3 })),
    one_key: newestFirst(0, 100, 1),
    // The tombstones of some keys come first and are the newest. Other tombstones come in order.
    deleted: [
      ...[0, 1, 2].map((key) => ({ key, partition: key % 2, seconds: 10, isDelete: true })),
      ...newestFirst(3, 97),
      ...[7, 8, 9].map((key) => ({ key, partition: key % 2, seconds: 20, isDelete: true })),
    ],
    all_at_once: newestFirst(0, 100).map((sent) => ({ ...sent, seconds: 0 })),
  };
  const streams = Object.keys(scenarios).sort();
  const { settings, send, sunk, on } = await createOutOfOrderTopics(t, streams, 'CreateTime');
  assert.deepEqual(await sunk(), counted(streams, 0));
  const sumOf = (stream: string) => qualified(settings.clickhouse.database, `${stream}_sum`);
  await command(
    settings,
    ...streams.map(
      (stream) =>
        `CREATE MATERIALIZED VIEW ${sumOf(stream)} ENGINE = SummingMergeTree ORDER BY tuple() AS SELECT toUInt64(1) AS n FROM ${tableOf(settings, stream)}`,
    ),
  );
  for (const stream of streams) await send(stream, scenarios[stream] ?? []);
  assert.deepEqual(await sunk(), counted(streams, 100));
  // Simulates a kill between insert and commit: the next sink commits the offsets of the rows
  // before merges remove the rows.
  const admin = await connectKafkajs(settings.kafka);
  await admin.deleteGroups([sinkGroupOf(settings)]);
  await admin.disconnect();
  assert.deepEqual(await sunk(), counted(streams, 0));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
  assert.deepEqual(await sunk(), counted(streams, 0));
  for (const stream of streams) await send(stream, newestFirst(100, 120));
  assert.deepEqual(await sunk(), counted(streams, 20));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
  assert.deepEqual(await sunk(), counted(streams, 0));
  for (const stream of streams) {
    assert.deepEqual(await rowsOf(settings, `SELECT sum(n) AS n FROM ${sumOf(stream)}`), [{ n: 120 }]);
  }
});

test('a restarted sink does not reinsert rows that cleanup merges removed', async (t) => {
  const gone = (key: number, seconds: number) => ({ key, partition: key % 2, seconds, isDelete: true });
  const live = [20, 21].map((key) => ({ key, partition: key % 2, seconds: 0 }));
  const scenarios: Readonly<Record<string, readonly Sent[]>> = {
    // The last messages of each partition are deletes.
    deleted_last: [...live, ...newestFirst(0, 20), ...[6, 7, 8, 9].map((key) => gone(key, 10))],
    // Deletes are the newest and come first, before rows that stay.
    deleted_first: [...[6, 7, 8, 9].map((key) => gone(key, 10)), ...live, ...newestFirst(0, 20)],
    deleted_all_but_one: [
      ...live.slice(0, 1),
      ...Array.from({ length: KEYS }, (_, key) => gone(key, 10)),
      ...newestFirst(0, 20),
    ],
    // The delete of a key is on another partition.
    deleted_elsewhere: [
      ...[6, 7].map((key) => ({ ...gone(key, 10), partition: 2 })),
      ...live,
      ...newestFirst(0, 20),
    ],
  };
  const streams = Object.keys(scenarios).sort();
  const settings = 'allow_experimental_replacing_merge_with_cleanup = 1';
  for (const times of ['CreateTime', 'LogAppendTime'] as const) {
    const { send, sunk, on } = await createOutOfOrderTopics(t, streams, times);
    for (const stream of streams) await send(stream, scenarios[stream] ?? []);
    const expected = Object.fromEntries(streams.map((stream) => [stream, scenarios[stream]?.length]));
    assert.deepEqual(await sunk(), expected);
    await on((table) => `ALTER TABLE ${table} MODIFY SETTING ${settings}`);
    await on((table) => `OPTIMIZE TABLE ${table} FINAL CLEANUP`);
    assert.deepEqual(await sunk(), counted(streams, 0), times);
    assert.deepEqual(await sunk(), counted(streams, 0), times);
  }
});

test('dead letters among and after rows that merges removed stay dead letters', async (t) => {
  const streams = ['plans'];
  const { settings, send, sunk, on } = await createOutOfOrderTopics(t, streams, 'CreateTime');
  const poison = { key: 0, partition: 0, seconds: 0, isPoison: true };
  await send('plans', [...newestFirst(0, 30), poison, ...newestFirst(30, 60), poison, poison]);
  assert.deepEqual(await sunk(), counted(streams, 60));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
  await send('plans', [poison, ...newestFirst(60, 70), poison]);
  assert.deepEqual(await sunk(), counted(streams, 10));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
  await assertReconciled(settings, streams);
  // A redrive inserts the row of a dead letter among other rows and does not move a resume offset.
  const constraint = 'CONSTRAINT small';
  await on((table) => `ALTER TABLE ${table} ADD ${constraint} CHECK interval_count != -75 OR _deleted`);
  await send('plans', newestFirst(70, 80));
  assert.deepEqual(await sunk(), counted(streams, 9));
  await on((table) => `ALTER TABLE ${table} DROP ${constraint}`);
  await on(optimize);
  const { stdout } = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  assert.match(stdout, /^1 redriven/m);
  assert.deepEqual(await sunk(), counted(streams, 0));
  await on(optimize);
  assert.deepEqual(await sunk(), counted(streams, 0));
});
