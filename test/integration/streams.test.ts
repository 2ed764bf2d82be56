import assert from 'node:assert/strict';
import test from 'node:test';
import { withConnections } from '../../core/connections.ts';
import { ConfigError } from '../../core/errors.ts';
import { ReadOnlyQueries } from '../../operations/query/read-only-queries.ts';
import { compareSchemas, readSchemaVersions } from '../../operations/schemas/schema-versions.ts';
import { getStream } from '../../operations/streams/get-stream.ts';
import { countRows, previewTable } from '../../operations/tables/table-rows.ts';
import { getTableSchema } from '../../operations/tables/table-schema.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

test('the operations for a stream return its partitions, schemas, columns and newest rows', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const schema = readStreamSchema('plans');
  const added = { name: 'seats', type: ['null', 'long'], default: null, doc: 'Seats.' } as const;
  const big = 9_223_372_036_854_775_807n;
  const send = async (records: Parameters<typeof messagesOf>[2], of = schema) => {
    const messages = await messagesOf(settings, 'plans', records, of);
    await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
  };
  await send([{ uuid: 'pl_1', interval_count: 1 }]);
  await send([{ uuid: 'pl_2', seats: big }], { ...schema, fields: [...schema.fields, added] });
  await sinkStreams(settings, 'plans');

  const detail = await getStream(settings, 'plans', noSignal);
  const partitions = detail.stream.topic?.partitions ?? [];
  assert.equal(
    partitions.reduce((sum, { committed = 0n }) => sum + committed, 0n),
    2n,
  );
  assert.deepEqual([detail.stream.lag, detail.stream.table?.rows, detail.attention], [0n, 2n, []]);
  await assert.rejects(getStream(settings, 'nothing', noSignal), ConfigError);

  await withConnections(settings, { name: 'test', needs: ['registry'] }, noSignal, async (connections) => {
    const versions = await readSchemaVersions(connections, 'plans');
    assert.deepEqual(
      versions.map(({ version, changes }) => [version, changes]),
      [
        [1, undefined],
        [2, 1],
      ],
    );
    const { changes } = await compareSchemas(connections, 'plans', 1, 2);
    assert.deepEqual(
      changes.map(({ kind, path }) => [kind, path]),
      [['added', 'seats']],
    );
    await assert.rejects(
      compareSchemas(connections, 'plans', 1, 7),
      /the version must be one of 1, 2; got 7/,
    );
    await assert.rejects(compareSchemas(connections, 'contacts', 1, 2), /has no schema in the registry/);

    const { database } = settings.clickhouse;
    const queries = new ReadOnlyQueries(settings.clickhouse);
    t.after(() => queries.close());
    const table = await getTableSchema(queries, 'plans', versions, noSignal);
    const seats = table.columns.find(({ name }) => name === 'seats');
    assert.deepEqual(seats?.origin, { type: 'long, nullable', since: 2, until: 2, isCurrent: true });
    const { columns, rows, newestBy } = await previewTable(queries, database, 'plans', { signal: noSignal });
    assert.equal(newestBy, '_changed_at');
    assert.equal(rows[0]?.[columns.findIndex(({ name }) => name === 'seats')], String(big));
    assert.equal(await countRows(queries, database, 'plans_raw', noSignal), 2n);
    await assert.rejects(
      countRows(queries, database, 'plan', noSignal),
      /no table or view plan. Did you mean plans\?/,
    );
  });
});
