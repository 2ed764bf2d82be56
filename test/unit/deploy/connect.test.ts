import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../../core/stream-name.ts';
import { streamNames } from '../../../core/avro/schema-files.ts';
import { exportedTypeOf } from '../../../operations/export/exported-type.ts';
import { schemaViews } from '../../../operations/export/ddl/ddl-views.ts';

const folder = new URL('../../../deploy/connect/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

interface Connector {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

function read(file: string): Connector {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Connector;
}

/** The setting that makes each connector handle tombstones. */
const tombstones: Readonly<Record<string, readonly [setting: string, value: string]>> = {
  // https://docs.snowflake.com/en/user-guide/kafka-connector-install
  'snowflake.json': ['behavior.on.null.values', 'DEFAULT'],
  // https://docs.confluent.io/kafka-connectors/bigquery/current/kafka_connect_bigquery_config.html
  'bigquery.json': ['deleteEnabled', 'true'],
  // https://docs.confluent.io/kafka-connectors/s3-sink/current/configuration_options.html
  's3.json': ['behavior.on.null.values', 'write'],
  // https://docs.confluent.io/kafka-connectors/jdbc/current/sink-connector/sink_config_options.html
  'jdbc.json': ['delete.enabled', 'true'],
};

test('deploy/connect contains one configuration for each supported system', () =>
  assert.deepEqual(files, Object.keys(tombstones).sort()));

for (const file of files) {
  test(`${file} reads committed Avro messages, keeps text keys and handles tombstones`, () => {
    const { config } = read(file);
    assert.equal(config['consumer.override.isolation.level'], 'read_committed');
    assert.equal(config['key.converter'], 'org.apache.kafka.connect.storage.StringConverter');
    assert.equal(config['value.converter'], 'io.confluent.connect.avro.AvroConverter');
    assert.match(config['value.converter.schema.registry.url'] ?? '', /^http/);
    const [setting = '', value] = tombstones[file] ?? [];
    assert.equal(config[setting], value);
    for (const [name, text] of Object.entries(config)) {
      assert.equal(typeof text, 'string', name);
      if (/password|private\.key/.test(name)) assert.match(text, /^\$\{file:/, name);
    }
  });

  test(`${file} reads only the topics of streams`, () => {
    const { config } = read(file);
    const pattern = config['topics.regex'];
    const topics = streamNames.map((stream) => topicOf('chartmogul.', stream));
    if (pattern !== undefined) {
      const isChosen = (topic: string) => new RegExp(`^(?:${pattern})$`).test(topic);
      assert.deepEqual(topics.filter(isChosen), topics);
      assert.ok(!isChosen(checkpointsTopic('chartmogul.')));
      assert.ok(!isChosen(deadLettersTopic('chartmogul.')));
    } else for (const topic of (config['topics'] ?? '').split(',')) assert.ok(topics.includes(topic), topic);
  });
}

test('the JDBC sink reads only streams without lists, maps and structs, which it cannot store', () => {
  const streams = (read('jdbc.json').config['topics'] ?? '')
    .split(',')
    .map((topic) => topic.replace('chartmogul.', ''));
  const nested = schemaViews(streams).flatMap(({ columns }) =>
    columns.filter(({ type }) => ['list', 'map', 'struct'].includes(exportedTypeOf(type).kind)),
  );
  assert.deepEqual(nested, []);
});
