import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import {
  alterTableSql,
  createTableSql,
  definitionSql,
  onCluster,
  shapeVersionIn,
} from '../../../../consumers/table/table-ddl.ts';

const schema = parseWriterSchema(
  JSON.stringify({
    type: 'record',
    name: 'Plan',
    doc: "A plan's terms",
    primaryKey: ['uuid'],
    fields: [
      { name: 'uuid', type: 'string', doc: 'Its id' },
      { name: 'name', type: ['null', 'string'], default: null },
    ],
  }),
  'test',
);
const alone = { database: 'db', cluster: undefined };
const cluster = { database: 'db', cluster: 'c1' };

const columns = `  \`uuid\` String COMMENT 'Its id',
  \`name\` Nullable(String),
  \`_version\` UInt128 COMMENT 'Message time in ms × 2^64 + offset; the latest row of a key has the highest version',
  \`_deleted\` UInt8 COMMENT '1 if the message is a delete',
  \`_partition\` Int32 COMMENT 'Partition of the message',
  \`_offset\` Int64 COMMENT 'Offset of the message',
  \`_timestamp\` DateTime64(3, 'UTC') COMMENT 'Kafka timestamp of the message',
  \`_schema_id\` Int32 COMMENT 'Id of the message schema in the registry; 0 for a delete',
  \`_topic_id\` UInt64 COMMENT 'First 8 bytes of the topic id, which changes if the topic is recreated; 0 if unknown',
  \`_table_5f3a\` UInt8 EPHEMERAL COMMENT 'Every insert names this column, so that the table rejects inserts that were built for another table',
  CONSTRAINT \`shape_24378\` ASSUME 1
)`;

test('a table keeps the latest version of each key and has deduplication windows', () => {
  assert.deepEqual(createTableSql('plans_raw', schema, '5f3a', alone), [
    `CREATE TABLE IF NOT EXISTS \`db\`.\`plans_raw\` (
${columns}
ENGINE = ReplacingMergeTree(_version, _deleted)
ORDER BY (\`uuid\`)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, min_bytes_for_wide_part = 134217728
COMMENT 'A plan\\'s terms'`,
  ]);
});

test('a history table keeps every version of each key', () => {
  const definition = { table: 'h', columns: [], sortingKey: ['uuid', '_version'], comment: 'c' };
  const [sql = ''] = definitionSql({ ...definition, keeps: 'every' }, '5f3a', alone);
  assert.match(sql, /ENGINE = ReplacingMergeTree\nORDER BY \(`uuid`, `_version`\)\n/);
  const [local = ''] = definitionSql({ ...definition, keeps: 'every' }, '5f3a', cluster);
  assert.match(local, /ENGINE = ReplicatedReplacingMergeTree\nORDER BY/);
});

test('a cluster has a replicated table per shard and a Distributed table over them', () => {
  assert.deepEqual(createTableSql('plans_raw', schema, '5f3a', cluster), [
    `CREATE TABLE IF NOT EXISTS \`db\`.\`plans_raw_local\` ON CLUSTER \`c1\` (
${columns}
ENGINE = ReplicatedReplacingMergeTree(_version, _deleted)
ORDER BY (\`uuid\`)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, min_bytes_for_wide_part = 134217728
COMMENT 'A plan\\'s terms'`,
    `CREATE TABLE IF NOT EXISTS \`db\`.\`plans_raw\` ON CLUSTER \`c1\` AS \`db\`.\`plans_raw_local\`
ENGINE = Distributed('c1', 'db', 'plans_raw_local', _partition)
COMMENT 'A plan\\'s terms'`,
  ]);
});

test('alterTableSql replaces the shape version in the statement that changes the columns', () => {
  const actions = ['ADD COLUMN IF NOT EXISTS `a` Int64'];
  assert.deepEqual(alterTableSql('plans_raw', actions, 4, alone), [
    'ALTER TABLE `db`.`plans_raw` DROP CONSTRAINT `shape_4`, ADD CONSTRAINT `shape_5` ASSUME 1, ADD COLUMN IF NOT EXISTS `a` Int64',
  ]);
  assert.deepEqual(alterTableSql('plans_raw', actions, 0, alone), [
    'ALTER TABLE `db`.`plans_raw` ADD CONSTRAINT `shape_1` ASSUME 1, ADD COLUMN IF NOT EXISTS `a` Int64',
  ]);
  assert.deepEqual(alterTableSql('plans_raw', actions, 4, cluster), [
    'ALTER TABLE `db`.`plans_raw_local` ON CLUSTER `c1` DROP CONSTRAINT `shape_4`, ADD CONSTRAINT `shape_5` ASSUME 1, ADD COLUMN IF NOT EXISTS `a` Int64',
    'ALTER TABLE `db`.`plans_raw` ON CLUSTER `c1` ADD COLUMN IF NOT EXISTS `a` Int64',
  ]);
});

test('shapeVersionIn reads the shape version from the table definition', () => {
  assert.equal(
    shapeVersionIn('CREATE TABLE x (`a` String, CONSTRAINT shape_12 ASSUME 1) ENGINE = MergeTree'),
    12,
  );
  assert.equal(
    shapeVersionIn('CREATE TABLE x (`a` String, CONSTRAINT `shape_3` ASSUME 1) ENGINE = MergeTree'),
    3,
  );
  assert.equal(shapeVersionIn("CREATE TABLE x (`shape_7` String COMMENT 'shape_9') ENGINE = MergeTree"), 0);
});

test('a recreated table starts with a different shape version', () => {
  const shapes = ['00000001', '5f3a0c11', 'ffffffff'].map((identity) =>
    shapeVersionIn(createTableSql('plans_raw', schema, identity, alone).join()),
  );
  assert.deepEqual(shapes, [1, 0x5f3a0c11, 0xffffffff]);
});

test('onCluster returns a clause that names the cluster, or an empty string without a cluster', () => {
  assert.equal(onCluster(cluster), ' ON CLUSTER `c1`');
  assert.equal(onCluster(alone), '');
});

test('the table of a schema without a primary key has a row for every message', () => {
  const [statement = ''] = createTableSql('plans_raw', { ...schema, primaryKey: undefined }, '5f3a', alone);
  assert.match(statement, /ORDER BY \(`_partition`, `_offset`\)/);
});
