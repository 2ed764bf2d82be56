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

/** Returns the coordinator that a kafkajs transaction finds through `repeatingEnd`. */
function coordinatorIn(cluster: Cluster, coordinatorType: number): Promise<Coordinator> {
  let found = Promise.reject<Coordinator>(new Error('no coordinator was requested'));
  found.catch(() => {});
  const create: Create = ({ cluster: given }) => {
    found = given.findGroupCoordinator({ groupId: 'id', coordinatorType });
    return {};
  };
  repeatingEnd(create)({ cluster });
  return found;
}

/** Returns a kafkajs cluster that uses the given coordinator lookup instead of a connection. */
function clusterOf(findGroupCoordinator: Cluster['findGroupCoordinator']): Cluster {
  const logger = { namespace: () => logger };
  const cluster = new RealCluster({ logger, retry: { initialRetryTime: 1, retries: 3 } });
  return Object.assign(cluster, { findGroupCoordinator });
}

/**
 * Ends a transaction at brokers that fail with the given errors in turn, or succeed if the error is
 * undefined. Returns the numbers of the brokers that received the request.
 */
async function end(...answers: (Error | undefined)[]): Promise<number[]> {
  const asked: number[] = [];
  let broker = 0;
  // Each search finds a different broker. kafkajs itself makes the first search.
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

test('the end of a transaction is retried at the coordinator that a new search finds', async () => {
  const lost = failed({ name: 'KafkaJSConnectionError', retriable: true });
  const moved = failed({ type: 'NOT_COORDINATOR_FOR_GROUP', retriable: true });
  assert.deepEqual(await end(), [0]);
  assert.deepEqual(await end(lost, moved), [0, 1, 2]);
});

test('the end of a transaction is retried while the transaction is still ending', async () => {
  const ending = failed({ type: 'CONCURRENT_TRANSACTIONS', retriable: false });
  assert.deepEqual(await end(ending, ending), [0, 1, 2]);
});

test('the end of a transaction is not retried after another producer has fenced this one', async () => {
  const fenced = failed({ type: 'INVALID_PRODUCER_EPOCH', retriable: false });
  await assert.rejects(end(fenced), ({ cause }: Error) => cause === fenced);
});

test("the end of a transaction fails when the client's retries are exhausted", async () => {
  const lost = failed({ name: 'KafkaJSConnectionError', retriable: true });
  await assert.rejects(end(lost, lost, lost, lost), /failed/);
  assert.deepEqual(await end(lost, lost, lost), [0, 1, 2, 3]);
});

test('repeatingEnd returns the coordinator of a group unchanged', async () => {
  const broker: Coordinator = { endTxn: () => Promise.resolve() };
  const cluster = clusterOf(() => Promise.resolve(broker));
  assert.equal(await coordinatorIn(cluster, GROUP), broker);
});
