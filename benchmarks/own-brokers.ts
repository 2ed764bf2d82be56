import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalServiceError } from '../core/errors.ts';
import { BackgroundProcess } from '../services/background-process.ts';
import { isTrueWithin } from '../services/deadline.ts';
import { brokerProperties, isKafkaReady, startBroker } from '../services/kafka.ts';
import { freePort } from '../services/local-address.ts';

const START_MS = 120_000;

export interface Brokers {
  /** The `host:port` of each broker. */
  readonly addresses: readonly string[];
  readonly pids: readonly number[];
}

/**
 * Runs `work` with a cluster of the given number of brokers on free ports. Each broker is also a
 * controller. Topics have one replica, so the brokers share the work instead of repeating it.
 */
export async function withBrokers<T>(
  count: number,
  signal: AbortSignal,
  work: (brokers: Brokers) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'chartmogul-brokers-'));
  const brokers: { process: BackgroundProcess; own: string; address: string; controllerPort: number }[] = [];
  for (let id = 1; id <= count; id++) {
    const own = join(folder, String(id));
    const [address, controllerPort] = [`127.0.0.1:${await freePort()}`, await freePort()];
    brokers.push({ process: new BackgroundProcess(own, 'kafka'), own, address, controllerPort });
  }
  const voters = brokers
    .map(({ controllerPort }, index) => `${index + 1}@127.0.0.1:${controllerPort}`)
    .join(',');
  const start = async (
    { process, own, address, controllerPort }: (typeof brokers)[number],
    index: number,
  ) => {
    const properties = {
      ...brokerProperties([`PLAINTEXT://${address}`], controllerPort),
      'node.id': index + 1,
      'controller.quorum.voters': voters,
    };
    await startBroker(process, own, properties, signal, { heap: '384m' });
    if (!(await isTrueWithin(START_MS, () => isKafkaReady(address), signal)))
      throw new LocalServiceError(
        `the broker at ${address} did not respond within ${START_MS / 1000} s: see ${process.logPath}`,
      );
  };
  try {
    await Promise.all(brokers.map(start));
    const pids = brokers.map(({ process }) => process.pid() ?? 0);
    return await work({ addresses: brokers.map(({ address }) => address), pids });
  } finally {
    await Promise.all(brokers.map(({ process }) => process.stop()));
    await rm(folder, { recursive: true, force: true });
  }
}
