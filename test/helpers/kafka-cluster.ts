import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BackgroundProcess } from '../../services/background-process.ts';
import { brokerProperties, isKafkaReady, startBroker } from '../../services/kafka.ts';
import { freePort } from '../../services/local-address.ts';
import { noSignal } from './settings.ts';
import { waitFor } from './wait-for.ts';

const START_MS = 180_000;
const BROKERS = [1, 2, 3] as const;

/** Three brokers, each also a controller. Topics have three replicas, and a write requires two. */
export interface KafkaCluster {
  /** `host:port` of each broker. `kill` and `start` expect an index in this list. */
  readonly addresses: readonly string[];
  /** Kills the broker with SIGKILL. */
  kill(broker: number): void;
  /** Starts the broker. Resolves when it responds. */
  start(broker: number): Promise<void>;
}

/** Starts the cluster, and removes it after the test. */
export async function createKafkaCluster(t: TestContext): Promise<KafkaCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'chartmogul-cluster-'));
  const folders = BROKERS.map((id) => join(folder, String(id)));
  const processes = folders.map((own) => new BackgroundProcess(own, 'kafka'));
  t.after(async () => {
    await Promise.all(processes.map((broker) => broker.stop()));
    await rm(folder, { recursive: true, force: true });
  });
  const ports = await Promise.all(BROKERS.map(() => freePort()));
  const controllers = await Promise.all(BROKERS.map(() => freePort()));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const voters = BROKERS.map((id, index) => `${id}@127.0.0.1:${controllers[index]}`).join(',');
  const start = async (index: number) => {
    const [broker, own] = [processes[index], folders[index]];
    const [address, controller] = [addresses[index], controllers[index]];
    if (!broker || own === undefined || address === undefined || controller === undefined)
      throw new Error('no such broker');
    const properties = {
      ...brokerProperties([`PLAINTEXT://${address}`], controller),
      'node.id': index + 1,
      'controller.quorum.voters': voters,
      'default.replication.factor': BROKERS.length,
      'min.insync.replicas': 2,
      'num.partitions': 2,
      'offsets.topic.replication.factor': BROKERS.length,
      'transaction.state.log.replication.factor': BROKERS.length,
      'transaction.state.log.min.isr': 2,
    };
    await startBroker(broker, own, properties, noSignal, { heap: '256m' });
    await waitFor(`broker ${index + 1}`, () => isKafkaReady(address), START_MS);
  };
  const all = BROKERS.map((_, index) => index);
  // A broker responds only after two of the controllers have elected a leader.
  await Promise.all(all.map(start));
  return {
    addresses,
    start,
    kill: (index) => {
      const pid = processes[index]?.pid();
      if (pid === undefined) throw new Error('the broker is not running');
      process.kill(pid, 'SIGKILL');
    },
  };
}
