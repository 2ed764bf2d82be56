import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import kafkajs from 'kafkajs';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { ensureTopics } from '../helpers/topic.ts';
import { deadLetterHeaders } from '../../core/dead-letters/format.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import type { Settings } from '../../core/settings/config.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runCommand } from '../helpers/command.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { keysOf, readTopic } from '../helpers/read-topic.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MB = 1_000_000;

const plan = (uuid: string, bytes: number) => `{"uuid":"${uuid}","name":"${'x'.repeat(bytes)}"}`;
const withFields = (uuid: string, count: number) =>
  `{"uuid":"${uuid}",${Array.from({ length: count }, (_, at) => `"f${at}":${at}`).join()}}`;

async function createSource(t: TestContext, pages: () => readonly (readonly string[])[]) {
  const { baseUrl } = await createApiServer(t, {
    '/plans': (query, response) => {
      const at = Number(query.get('cursor') ?? 0);
      const [records = [], isLast] = [pages()[at], at + 1 === pages().length];
      response.end(`{"plans":[${records.join()}],"has_more":${!isLast},"cursor":"${at + 1}"}`);
    },
  });
  const settings = createSettings(t, baseUrl);
  const run = async () => {
    const [counts] = await produceStreams(settings, 'plans');
    assert.ok(counts);
    assert.equal(counts.failure, undefined);
    return [counts.messages, counts.deadLettered];
  };
  return { settings, run, keys: () => keysOf(settings, topicOf(settings.topicPrefix, 'plans')) };
}

/** Sets the message limit of the topics, and creates missing topics. */
async function setLimit(settings: Settings, bytes: number, ...topics: readonly string[]): Promise<void> {
  await ensureTopics(settings, topics);
  const admin = await connectKafkajs(settings.kafka);
  try {
    const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }];
    await admin.alterConfigs({
      validateOnly: false,
      resources: topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries })),
    });
    // The broker applies changed settings a moment after it accepts them.
    await waitFor('the changed limit', async () => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
      });
      const limits = resources.map(
        (resource) =>
          resource.configEntries.find(({ configName }) => configName === 'max.message.bytes')?.configValue,
      );
      return limits.every((limit) => limit === String(bytes));
    });
  } finally {
    await admin.disconnect();
  }
}

test('a record with too many bytes or fields is rejected, and everything else is sent', async (t) => {
  let pages = [
    [plan('a', 10), plan('large', 40 * MB), plan('b', 2 * MB)],
    [withFields('many', 501), plan('c', 7 * MB)],
    [plan('d', 10)],
  ];
  const { settings, run, keys } = await createSource(t, () => pages);
  assert.deepEqual(await run(), [4, 2]);
  assert.deepEqual(await keys(), ['a', 'b', 'c', 'd']);
  const deadLetters = await readTopic(settings, deadLettersTopic(settings.topicPrefix));
  const header = (at: number, name: string) => deadLetters[at]?.headers[name]?.toString('utf8');
  const [large, many] = deadLetters[0]?.key === 'plans|large' ? [0, 1] : [1, 0];
  assert.equal(deadLetters.length, 2);
  for (const [at, key, page] of [
    [large, 'large', '/plans, page 1'],
    [many, 'many', '/plans, page 2'],
  ] as const) {
    assert.equal(header(at, deadLetterHeaders.key), key);
    assert.equal(header(at, deadLetterHeaders.page), page);
    assert.equal(header(at, deadLetterHeaders.code), 'ETL_OVERSIZED_RECORD');
  }
  assert.equal(header(large, deadLetterHeaders.truncated), String(plan('large', 40 * MB).length));
  assert.match(
    header(large, deadLetterHeaders.reason) ?? '',
    /40\d{6} bytes.*plans accepts at most 8388608 \(max\.message\.bytes\)/,
  );
  assert.equal(deadLetters[many]?.value?.toString('utf8'), withFields('many', 501));
  // Nothing is sent again, and a truncated dead letter is not redriven.
  assert.deepEqual(await run(), [0, 2]);
  const redrive = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  const output = redrive.stdout.replace(/\s+/g, ' ');
  assert.match(output, /skipped: the dead letter contains only the first \d+ of 40\d{6} bytes/);
  assert.match(output, /failed again: .*more than 500 fields/);
  // The records are sent once the source has corrected them.
  pages = [
    [plan('a', 10), plan('large', 20), plan('b', 2 * MB)],
    [withFields('many', 5), plan('c', 7 * MB)],
    [plan('d', 10)],
  ];
  assert.deepEqual(await run(), [2, 0]);
});

test('produce observes the message limit of each topic, however small or large', async (t) => {
  let pages = [Array.from({ length: 40 }, (_, at) => plan(`p${at}`, 20_000)), [plan('large', 60_000)]];
  const { settings, run, keys } = await createSource(t, () => pages);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const deadLetters = deadLettersTopic(settings.topicPrefix);
  await setLimit(settings, 50_000, topic);
  await setLimit(settings, 100_000, deadLetters);
  assert.deepEqual(await run(), [40, 1]);
  await setLimit(settings, 10 * MB, topic);
  pages = [...pages, [plan('larger', 9 * MB), plan('largest', 11 * MB)]];
  assert.deepEqual(await run(), [2, 1]);
  assert.deepEqual(
    (await keys()).filter((key) => key.startsWith('l')),
    ['large', 'larger'],
  );
  assert.ok((await readTopic(settings, deadLetters)).every(({ value }) => (value?.length ?? 0) < 100_000));
});
