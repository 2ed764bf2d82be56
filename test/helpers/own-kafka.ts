import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaService } from '../../services/kafka.ts';
import { freePort } from '../../services/local-address.ts';
import type { Settings } from '../../core/settings/config.ts';
import { noSignal } from './settings.ts';
import { waitFor } from './wait-for.ts';

/** A Kafka broker for one test, which may kill it. The other tests share another broker. */
export interface OwnKafka {
  readonly settings: Settings;
  /** Kills the broker with SIGKILL. */
  kill(): void;
  /** Starts the broker. Resolves when it responds. */
  start(): Promise<void>;
}

/** Starts a separate Kafka on a free port, runs the work with it, and then removes it. */
export async function withOwnKafka(
  shared: Settings,
  work: (kafka: OwnKafka) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chartmogul-kafka-'));
  const brokers = [`127.0.0.1:${await freePort()}`];
  const settings = { ...shared, kafka: { ...shared.kafka, brokers } };
  const service = kafkaService(settings, folder);
  const start = async () => {
    await service.start(noSignal);
    await waitFor('the Kafka of this test', () => service.isReady());
  };
  const kill = () => {
    for (const broker of service.processes) {
      const pid = broker.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    }
  };
  try {
    await start();
    await work({ settings, kill, start });
  } finally {
    for (const broker of service.processes) await broker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
