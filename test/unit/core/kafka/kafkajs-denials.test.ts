import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { kafkaError } from '../../../../core/kafka/kafka-error.ts';
import { denialOf, observeKafkajsDenials } from '../../../../core/kafka/kafkajs-denials.ts';
import { loadSettings } from '../../../../core/settings/config.ts';

type Prototype = Record<string, (this: object, ...args: unknown[]) => Promise<unknown>>;

observeKafkajsDenials();
const require = createRequire(import.meta.url);
const broker = (require('kafkajs/src/broker/index.js') as { prototype: Prototype }).prototype;
const cluster = (require('kafkajs/src/cluster/index.js') as { prototype: Prototype }).prototype;

const failure = (type: string, more: object = {}) =>
  Object.assign(new Error('not authorized'), {
    ...{ name: 'KafkaJSProtocolError', type, retriable: false },
    ...more,
  });

/** Sends a request that fails with this error. */
const send = (request: string, args: unknown, error: Error) =>
  broker[request]?.call(
    {
      lookupRequest: () => {
        throw error;
      },
    },
    args,
  );

const requests: readonly (readonly [string, unknown, string, string])[] = [
  ['metadata', ['a.plans'], 'TOPIC', 'Describe on topic a.plans'],
  ['fetch', { topics: [{ topic: 'a' }, { topic: 'b' }] }, 'TOPIC', 'Read on topic a or 1 more'],
  ['produce', { topicData: [{ topic: 'a' }] }, 'TOPIC', 'Write on topic a'],
  ['produce', { transactionalId: 't', topicData: [] }, 'TRANSACTIONAL_ID', 'Write on transactional id t'],
  ['describeConfigs', { resources: [{ type: 2, name: 'a' }] }, 'TOPIC', 'DescribeConfigs on topic a'],
  ['joinGroup', { groupId: 'g' }, 'GROUP', 'Read on group g'],
  ['describeGroups', { groupIds: ['g'] }, 'GROUP', 'Describe on group g'],
  ['initProducerId', {}, 'CLUSTER', 'IdempotentWrite on the cluster'],
];
for (const [request, args, kind, expected] of requests)
  test(`the error for a denied ${request} request names the missing right: ${expected}`, async () => {
    const error = failure(`${kind}_AUTHORIZATION_FAILED`);
    await assert.rejects(async () => send(request, args, error), error);
    const { operation, resource } = denialOf(error) ?? {};
    assert.equal(`${operation} on ${resource}`, expected);
    // kafkajs wraps the error.
    const wrapped = Object.assign(new Error('wrapped'), { cause: error });
    assert.match(
      kafkaError(wrapped, loadSettings({}, '').kafka).message,
      new RegExp(
        `^Kafka at 127.0.0.1:9092 \\(KAFKA_BROKERS\\) denies ${expected}; add the ACL \\(docs/security.md`,
      ),
    );
  });

test('the error for a denied topic creation names the topic, even among several errors', async () => {
  const one = failure('TOPIC_AUTHORIZATION_FAILED', { topic: 'a.plans' });
  const all = Object.assign(new Error('Topic creation errors'), { errors: [one] });
  await assert.rejects(async () => send('createTopics', { topics: [{ topic: 'x' }] }, all), all);
  assert.deepEqual(denialOf(one), { operation: 'Create', resource: 'topic a.plans' });
});

test('a denied coordinator lookup keeps its own error, which kafkajs would replace', async () => {
  const error = failure('GROUP_AUTHORIZATION_FAILED');
  const search = (groupId: string, isDenied: boolean) =>
    cluster['findGroupCoordinatorMetadata']?.call(
      {
        brokerPool: {
          withBroker: async () => {
            if (isDenied)
              await Promise.resolve(send('findGroupCoordinator', { groupId }, error)).catch(() => undefined);
          },
        },
      },
      { groupId },
    );
  await assert.rejects(async () => search('g', true), error);
  assert.deepEqual(denialOf(error), { operation: 'Describe', resource: 'group g' });
  await assert.rejects(async () => search('g', false), { name: 'KafkaJSGroupCoordinatorNotFound' });
});

test('other errors of a request are not denials', async () => {
  const error = failure('NOT_LEADER_FOR_PARTITION');
  await assert.rejects(async () => send('fetch', { topics: [{ topic: 'a' }] }, error), error);
  assert.equal(denialOf(error), undefined);
});
