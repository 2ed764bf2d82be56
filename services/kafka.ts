import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../core/child-process.ts';
import type { Settings } from '../core/settings/config.ts';
import { LocalServiceError } from '../core/errors.ts';
import { createKafka, probeOptions } from '../core/kafka/client.ts';
import { makePrivateFolder, writePrivate } from '../core/private-files.ts';
import { BackgroundProcess } from './background-process.ts';
import { javaPackages, output, quickStart } from './java.ts';
import { freePort, kafkaAddress } from './local-address.ts';
import type { LocalService } from './service.ts';

/** Returns the Kafka service, one process that is both broker and controller (KRaft). */
export function kafkaService(settings: Settings, folder: string): LocalService {
  const address = kafkaAddress(settings);
  const broker = new BackgroundProcess(folder, 'kafka');
  return {
    name: 'kafka',
    address,
    processes: [broker],

    async start(signal) {
      const name = address.host.includes(':') ? `[${address.host}]` : address.host;
      const properties = brokerProperties([`PLAINTEXT://${name}:${address.port}`], await freePort());
      await startBroker(broker, folder, properties, signal);
    },

    isReady: () => isKafkaReady(address.text),
  };
}

/** Returns whether a broker without TLS or authentication responds at `host:port`. */
export async function isKafkaReady(address: string): Promise<boolean> {
  const soon = { ...probeOptions, connectionTimeout: 2_000, requestTimeout: 5_000 };
  const admin = createKafka(
    { brokers: [address], tls: undefined, sasl: undefined },
    'services',
    soon,
  ).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

interface BrokerOptions {
  /**
   * Further arguments for the command that formats the data folder, for example to add SCRAM users.
   */
  readonly format?: readonly string[];
  readonly java?: readonly string[];
  readonly heap?: string;
}

/**
 * Starts a broker in the folder. The first start formats `data`, because Kafka refuses to start in
 * an unformatted folder.
 * @param properties the broker's properties; relative paths in them are relative to the folder.
 * @throws LocalServiceError
 */
export async function startBroker(
  broker: BackgroundProcess,
  folder: string,
  properties: BrokerProperties,
  signal: AbortSignal,
  { format = [], java: flags = [], heap = '512m' }: BrokerOptions = {},
): Promise<void> {
  const jars = join(await javaPackages(signal), 'kafka', '*');
  const temporary = join(folder, 'tmp');
  makePrivateFolder(folder);
  makePrivateFolder(temporary);
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  writePrivate(join(folder, 'server.properties'), lines.join(''));
  writePrivate(join(folder, 'log4j2.properties'), loggingProperties);
  const logging = '-Dlog4j2.configurationFile=log4j2.properties';
  const java = [...quickStart, `-Djava.io.tmpdir=${temporary}`, logging, ...flags, '-cp', jars];
  if (!existsSync(join(folder, 'data', 'meta.properties'))) await formatData(java, folder, format, signal);
  const args = [`-Xmx${heap}`, ...java, 'kafka.Kafka', 'server.properties'];
  await broker.start({ command: 'java', args, cwd: folder });
}

async function formatData(
  java: readonly string[],
  folder: string,
  more: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const args = [...java, 'kafka.tools.StorageTool', 'format', '--ignore-formatted', ...more];
  try {
    const options = { cwd: folder, signal, timeout: 60_000 };
    await runProgram('java', [...args, '-t', clusterId, '-c', 'server.properties'], options);
  } catch (error) {
    signal.throwIfAborted();
    const message = `kafka: ${folder} cannot be formatted: ${output(error).trim().slice(-500)}`;
    throw new LocalServiceError(message, { cause: error });
  }
}

/** 16 arbitrary bytes, which need not be unique: clusters on one machine never communicate. */
const clusterId = Buffer.from('local-services-1').toString('base64url');

/** Broker properties by name. Values are written without escaping. */
export type BrokerProperties = Readonly<Record<string, string | number | boolean>>;

/**
 * Returns the properties of a broker that is also the only controller.
 * @param listeners where clients connect, such as `PLAINTEXT://127.0.0.1:9092`.
 */
export function brokerProperties(listeners: readonly string[], controllerPort: number): BrokerProperties {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [...listeners, `CONTROLLER://127.0.0.1:${controllerPort}`].join(','),
    'advertised.listeners': listeners.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': 'data',
    'num.partitions': 4,
    'auto.create.topics.enable': false,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // After kill -9, the broker can register again only once its old session has timed out, by
    // default after 9 s.
    'broker.session.timeout.ms': 6_000,
    // A group has few members, so its first rebalance does not have to wait for more members.
    'group.initial.rebalance.delay.ms': 0,
    // The topics record everything that was read: never delete messages by age.
    'log.retention.ms': -1,
  };
}

const loggingProperties = `rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %p %c{1} %m%n
`;
