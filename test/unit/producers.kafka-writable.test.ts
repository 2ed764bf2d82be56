import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { KafkaWritable, type KafkaWritableOptions, type Message } from '../../producers/kafka-writable.ts';

const message = (key: number, bytes = 1): Message => ({ key: String(key), value: Buffer.alloc(bytes) });

/** A producer that keeps what it is given and acknowledges when told to. */
function createProducer(acknowledge: 'at once' | 'when told' = 'at once') {
  const batches: string[][] = [];
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING });
  const producer: Producer = {
    ...kafka.producer(),
    send: async ({ messages }) => {
      batches.push(messages.map(({ key }) => String(key)));
      if (acknowledge === 'when told') {
        await new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
      }
      return [];
    },
  };
  return { producer, batches, waiting };
}

function createWritable(producer: Producer, options: Partial<KafkaWritableOptions> = {}) {
  const sent: number[] = [];
  const writable = new KafkaWritable({
    producer,
    topic: 'topic',
    onSent: (messages) => sent.push(messages),
    lingerMs: 60_000,
    ...options,
  });
  return { writable, sent };
}

/** Waits for a state, at most a few seconds. */
async function until(isReached: () => boolean): Promise<void> {
  for (let tries = 0; !isReached(); tries++) {
    assert.ok(tries < 500, 'the state is not reached');
    await delay(5);
  }
}

const batching: readonly (readonly [string, Partial<KafkaWritableOptions>, Message[], string[][]])[] = [
  [
    'by count',
    { maxBatchMessages: 2 },
    [1, 2, 3, 4, 5].map((key) => message(key)),
    [['1', '2'], ['3', '4'], ['5']],
  ],
  ['by bytes', { maxBatchBytes: 20 }, [message(1, 9), message(2, 9), message(3, 1)], [['1', '2'], ['3']]],
  ['at the end', {}, [message(1), { key: '2', value: null }], [['1', '2']]],
  ['not at all without messages', {}, [], []],
];
for (const [name, options, messages, expected] of batching) {
  test(`messages are sent ${name}, in order`, async () => {
    const { producer, batches } = createProducer();
    const { writable, sent } = createWritable(producer, options);
    await pipeline(Readable.from(messages), writable);
    assert.deepEqual(batches, expected);
    assert.deepEqual(
      sent,
      expected.map((batch) => batch.length),
    );
  });
}

test('no batch is larger than the limit unless it is a single message', async () => {
  const { producer, batches } = createProducer();
  const { writable } = createWritable(producer, { maxBatchBytes: 100 });
  await pipeline(Readable.from([message(1, 90), message(2, 90), message(3, 500)]), writable);
  assert.deepEqual(batches, [['1'], ['2'], ['3']]);
});

test('a message that lingers is sent after its time', async () => {
  const { producer, batches } = createProducer();
  const { writable, sent } = createWritable(producer, { lingerMs: 10 });
  writable.write(message(1));
  await until(() => sent.length === 1);
  writable.write(message(2));
  await until(() => sent.length === 2);
  assert.deepEqual(batches, [['1'], ['2']]);
  writable.destroy();
});

test('while a batch is unacknowledged the source is read no further than one buffer', async () => {
  const { producer, batches, waiting } = createProducer('when told');
  const { writable } = createWritable(producer, { maxBatchMessages: 10 });
  let read = 0;
  function* source() {
    while (read < 1000) yield message(++read);
  }
  const done = pipeline(Readable.from(source(), { highWaterMark: 1 }), writable);
  await until(() => waiting.length === 1);
  await delay(30);
  const readWhileWaiting = read;
  await delay(30);
  assert.equal(read, readWhileWaiting);
  assert.ok(read <= 100, `${read} messages were read`);
  assert.equal(batches.length, 1);
  for (let sent = 1; sent < 100; sent++) {
    waiting.shift()?.resolve();
    await until(() => batches.length > sent);
  }
  waiting.shift()?.resolve();
  await done;
  assert.deepEqual(
    batches.flat(),
    Array.from({ length: 1000 }, (_, at) => String(at + 1)),
  );
});

test('a lingering batch under way does not let a second overtake it', async () => {
  const { producer, batches, waiting } = createProducer('when told');
  const { writable } = createWritable(producer, { lingerMs: 1, maxBatchMessages: 3 });
  writable.write(message(1));
  await until(() => waiting.length === 1);
  for (const key of [2, 3, 4, 5]) writable.write(message(key));
  await delay(20);
  assert.deepEqual(batches, [['1']]);
  writable.end();
  for (const expected of [2, 3]) {
    waiting.shift()?.resolve();
    await until(() => batches.length === expected);
  }
  waiting.shift()?.resolve();
  await once(writable, 'finish');
  assert.deepEqual(batches, [['1'], ['2', '3', '4'], ['5']]);
});

for (const [name, options, messages] of [
  ['a full batch', { maxBatchMessages: 1 }, [1, 2, 3]],
  ['a lingering batch', { lingerMs: 1 }, [1]],
  ['the last batch', {}, [1]],
] as const) {
  test(`the failure of ${name} ends the pipeline and nothing more is sent`, async () => {
    const { producer, batches, waiting } = createProducer('when told');
    const { writable, sent } = createWritable(producer, options);
    async function* source() {
      for (const key of messages) yield message(key);
      if (name === 'a lingering batch') await new Promise(() => {});
    }
    const done = pipeline(source, writable);
    done.catch(() => {});
    await until(() => waiting.length === 1);
    waiting.shift()?.reject(new Error('refused'));
    await assert.rejects(done, { message: 'refused' });
    await delay(10);
    assert.deepEqual([batches.length, sent.length], [1, 0]);
  });
}

test('a stream destroyed while sending closes when Kafka has answered', async () => {
  const { producer, batches, waiting } = createProducer('when told');
  const { writable, sent } = createWritable(producer, { maxBatchMessages: 1 });
  for (const key of [1, 2, 3]) writable.write(message(key));
  await until(() => waiting.length === 1);
  let isClosed = false;
  writable.on('close', () => (isClosed = true));
  writable.destroy();
  await delay(20);
  assert.ok(!isClosed);
  waiting.shift()?.resolve();
  await until(() => isClosed);
  assert.deepEqual([batches, sent], [[['1']], [1]]);
});

test('a stream destroyed while a message lingers sends nothing afterwards', async () => {
  const { producer, batches } = createProducer();
  const { writable } = createWritable(producer, { lingerMs: 5 });
  writable.write(message(1));
  writable.destroy();
  await once(writable, 'close');
  await delay(20);
  assert.deepEqual(batches, []);
});
