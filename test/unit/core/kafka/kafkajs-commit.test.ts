import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { repeatingEnd } from '../../../../core/kafka/kafkajs-commit.ts';

type Create = Parameters<typeof repeatingEnd>[0];
type Cluster = Parameters<Create>[0]['cluster'];
type Coordinator = Awaited<ReturnType<Cluster['findGroupCoordinator']>>;

const require = createRequire(import.meta.url);
const RealCluster = require('kafkajs/src/cluster/index.js') as new (options: object) => Cluster;
const GROUP = 0;
const TRANSACTION = 1;

const failed = (more: object) => Object.assign(new Error('failed'), more);

/** Returns what kafkajs's transactions find. */
function coordinatorIn(cluster: Cluster, coordinatorType: number): Promise<Coordinator> {
  let found = Promise.reject<Coordinator>(new Error('nothing was searched'));
  found.catch(() => {});
  const create: Create = ({ cluster: given }) => {
    found = given.findGroupCoordinator({ groupId: 'id', coordinatorType });
    return {};
  };
  repeatingEnd(create)({ cluster });
  return found;
}

/** A cluster of kafkajs that finds these coordinators and connects to nothing. */
function clusterOf(findGroupCoordinator: Cluster['findGroupCoordinator']): Cluster {
  const logger = { namespace: () => logger };
  const cluster = new RealCluster({ logger, retry: { initialRetryTime: 1, retries: 3 } });
  return Object.assign(cluster, { findGroupCoordinator });
}

/** Ends a transaction with brokers that answer one after the other; returns the asked brokers. */
async function end(...answers: (Error | undefined)[]): Promise<number[]> {
  const asked: number[] = [];
  let broker = 0;
  // Each search finds another broker; the first search is that of kafkajs.
  const cluster = clusterOf(() => {
    const number = broker++;
    return Promise.resolve({
      endTxn: () => {
        asked.push(number);
        const error = answers[asked.length - 1];
        return error === undefined ? Promise.resolve() : Promise.reject(error);
      },
    });
  });
  const coordinator = await coordinatorIn(cluster, TRANSACTION);
  await coordinator.endTxn({});
  return asked;
}

test('the end of a transaction is repeated at the coordinator that is found then', async () => {
  const lost = failed({ name: 'KafkaJSConnectionError', retriable: true });
  const moved = failed({ type: 'NOT_COORDINATOR_FOR_GROUP', retriable: true });
  assert.deepEqual(await end(), [0]);
  assert.deepEqual(await end(lost, moved), [0, 1, 2]);
});

test('a transaction that is ending already is awaited', async () => {
  const ending = failed({ type: 'CONCURRENT_TRANSACTIONS', retriable: false });
  assert.deepEqual(await end(ending, ending), [0, 1, 2]);
});

test('the answer that another producer has begun is final', async () => {
  const fenced = failed({ type: 'INVALID_PRODUCER_EPOCH', retriable: false });
  await assert.rejects(end(fenced), ({ cause }: Error) => cause === fenced);
});

test('an end that never succeeds fails after the attempts of the client', async () => {
  const lost = failed({ name: 'KafkaJSConnectionError', retriable: true });
  await assert.rejects(end(lost, lost, lost, lost), /failed/);
  assert.deepEqual(await end(lost, lost, lost), [0, 1, 2, 3]);
});

test('coordinators of groups are those of kafkajs', async () => {
  const broker: Coordinator = { endTxn: () => Promise.resolve() };
  const cluster = clusterOf(() => Promise.resolve(broker));
  assert.equal(await coordinatorIn(cluster, GROUP), broker);
});
