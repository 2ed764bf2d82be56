import { ConfigError } from '../errors.ts';
import type { saslMechanisms, SettingTexts } from './definitions.ts';
import { kafkaTls, type KafkaTls } from './kafka-tls.ts';
import { Secret, type Credentials } from './secret.ts';
import { refusePlaintext, secret, valueOf } from './setting-reading.ts';
import { splitBroker } from './setting-values.ts';

export interface KafkaSettings {
  /** `host:port` of each bootstrap broker. */
  readonly brokers: readonly string[];
  /** Undefined: connections without TLS. */
  readonly tls: KafkaTls | undefined;
  readonly sasl: (Credentials & { readonly mechanism: (typeof saslMechanisms)[number] }) | undefined;
  /** How long new topics keep a delete; undefined means the default. */
  readonly tombstoneRetentionDays?: number;
  /** Partitions of a new topic: the maximum number of sinks that can share one stream. */
  readonly topicPartitions: number;
  /** Undefined means the default of the brokers. */
  readonly topicReplicationFactor?: number | undefined;
}

export function kafkaSettings(texts: SettingTexts): KafkaSettings {
  const username = valueOf('KAFKA_USERNAME', texts);
  const mechanism = valueOf('KAFKA_SASL_MECHANISM', texts);
  if ((username === '') !== (mechanism === undefined))
    throw new ConfigError('KAFKA_USERNAME and KAFKA_SASL_MECHANISM must be set together or not at all');
  const password = secret('KAFKA_PASSWORD', texts);
  if (username === '' && password !== undefined) throw new ConfigError('KAFKA_PASSWORD needs KAFKA_USERNAME');
  const brokers = valueOf('KAFKA_BROKERS', texts);
  const tls = kafkaTls(texts);
  // SCRAM proves knowledge of the password without sending it.
  if (password !== undefined && tls === undefined && mechanism === 'plain') {
    const hosts = brokers.map((broker) => splitBroker(broker).host);
    refusePlaintext('KAFKA_BROKERS', hosts, 'KAFKA_SSL=true or a SCRAM mechanism', texts);
  }
  return Object.freeze({
    brokers,
    tls,
    sasl: mechanism && { mechanism, username, password: password ?? new Secret('') },
    tombstoneRetentionDays: valueOf('TOMBSTONE_RETENTION_DAYS', texts),
    topicPartitions: valueOf('TOPIC_PARTITIONS', texts),
    topicReplicationFactor: valueOf('TOPIC_REPLICATION_FACTOR', texts),
  });
}
