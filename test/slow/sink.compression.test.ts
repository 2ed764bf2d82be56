import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { topicOf } from '../../core/stream-name.ts';
import { javaPackages, quickStart } from '../../services/java.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createTopics, messagesOf } from '../helpers/topic.ts';

const program = fileURLToPath(new URL('../helpers/JavaProducer.java', import.meta.url));
const PER_CODEC = 50;

test('the sink and topic readers read all four codecs of a Java producer', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const topic = topicOf(settings.topicPrefix, 'plans');
  const codecs = ['gzip', 'snappy', 'lz4', 'zstd'];
  const numbers = Array.from({ length: codecs.length * PER_CODEC }, (_, index) => index);
  const records = numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));
  const lines = (await messagesOf(settings, 'plans', records)).map(({ key, value }, index) =>
    [
      codecs[Math.floor(index / PER_CODEC)],
      index % 4,
      Buffer.from(key).toString('base64'),
      value?.toString('base64') ?? '-',
    ].join(' '),
  );
  const jars = `${await javaPackages(noSignal)}/kafka/*`;
  const java = spawn(
    'java',
    [...quickStart, '-cp', jars, program, 'send', settings.kafka.brokers.join(','), topic],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  java.stdin.end(lines.join('\n'));
  assert.deepEqual(await once(java, 'exit'), [0, null]);
  const [counts] = await sinkStreams(settings, 'plans');
  assert.deepEqual(
    { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
    { failure: undefined, rows: numbers.length, deadLetters: 0 },
  );
  const stored = await rowsOf(settings, 'SELECT interval_count FROM plans ORDER BY 1');
  assert.deepEqual(
    stored.map((row) => row['interval_count']),
    numbers,
  );
  assert.equal((await readTopic(settings, topic)).length, numbers.length);
});
