import { ConfigError } from '../errors.ts';
import { rememberSecret } from '../redact.ts';
import type { saslMechanisms, SettingTexts } from './definitions.ts';
import { kafkaTls, type KafkaTls } from './kafka-tls.ts';
import { Secret, type Credentials } from './secret.ts';
import { proxyTo, refusePlaintext, secret, valueOf } from './setting-reading.ts';
import { splitBroker } from './setting-values.ts';

type Mechanism = (typeof saslMechanisms)[number];

export type KafkaLogin =
  | (Credentials & { readonly mechanism: Exclude<Mechanism, 'oauthbearer'> })
  | { readonly mechanism: 'oauthbearer'; readonly oauth: KafkaOAuth };

/** A client of an OAuth server that issues the tokens for Kafka. */
export interface KafkaOAuth {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scope: string;
  readonly extensions: Readonly<Record<string, string>>;
  readonly proxy?: Secret;
}

export interface KafkaSettings {
  /** `host:port` of each bootstrap broker. */
  readonly brokers: readonly string[];
  /** Undefined for connections without TLS. */
  readonly tls: KafkaTls | undefined;
  readonly sasl: KafkaLogin | undefined;
  /** The days for which new topics keep a delete; undefined means the default. */
  readonly tombstoneRetentionDays?: number;
  /** Partitions of a new topic: the maximum number of sinks that can share one stream. */
  readonly topicPartitions: number;
  /** Undefined means the brokers' default. */
  readonly topicReplicationFactor?: number | undefined;
}

export function kafkaSettings(texts: SettingTexts): KafkaSettings {
  const brokers = valueOf('KAFKA_BROKERS', texts);
  const tls = kafkaTls(texts);
  const sasl = kafkaLogin(texts);
  if (tls === undefined && sendsSecret(sasl)) {
    const hosts = brokers.map((broker) => splitBroker(broker).host);
    refusePlaintext('KAFKA_BROKERS', hosts, 'KAFKA_SSL=true or a SCRAM mechanism', texts);
  }
  return Object.freeze({
    brokers,
    tls,
    sasl,
    tombstoneRetentionDays: valueOf('TOMBSTONE_RETENTION_DAYS', texts),
    topicPartitions: valueOf('TOPIC_PARTITIONS', texts),
    topicReplicationFactor: valueOf('TOPIC_REPLICATION_FACTOR', texts),
  });
}

/** SCRAM proves knowledge of the password without sending it. */
function sendsSecret(sasl: KafkaLogin | undefined): boolean {
  if (sasl === undefined) return false;
  return sasl.mechanism === 'oauthbearer' || (sasl.mechanism === 'plain' && sasl.password.reveal() !== '');
}

function kafkaLogin(texts: SettingTexts): KafkaLogin | undefined {
  const mechanism = valueOf('KAFKA_SASL_MECHANISM', texts);
  const username = valueOf('KAFKA_USERNAME', texts);
  const password = secret('KAFKA_PASSWORD', texts);
  if (mechanism === 'oauthbearer') {
    if (username !== '' || password !== undefined)
      throw new ConfigError(
        'KAFKA_SASL_MECHANISM oauthbearer requires KAFKA_OAUTH_…, not KAFKA_USERNAME or KAFKA_PASSWORD',
      );
    return Object.freeze({ mechanism, oauth: kafkaOAuth(texts) });
  }
  const unused = (
    ['KAFKA_OAUTH_TOKEN_URL', 'KAFKA_OAUTH_CLIENT_ID', 'KAFKA_OAUTH_CLIENT_SECRET'] as const
  ).find((name) => texts[name] !== '');
  if (unused !== undefined) throw new ConfigError(`${unused} requires KAFKA_SASL_MECHANISM=oauthbearer`);
  if ((username === '') !== (mechanism === undefined))
    throw new ConfigError('KAFKA_USERNAME and KAFKA_SASL_MECHANISM must be set together or not at all');
  if (username === '' && password !== undefined)
    throw new ConfigError('KAFKA_PASSWORD requires KAFKA_USERNAME');
  return mechanism && Object.freeze({ mechanism, username, password: password ?? new Secret('') });
}

function kafkaOAuth(texts: SettingTexts): KafkaOAuth {
  const tokenUrl = valueOf('KAFKA_OAUTH_TOKEN_URL', texts);
  const clientId = valueOf('KAFKA_OAUTH_CLIENT_ID', texts);
  const clientSecret = secret('KAFKA_OAUTH_CLIENT_SECRET', texts);
  if (tokenUrl === undefined || clientId === '' || clientSecret === undefined)
    throw new ConfigError(
      'KAFKA_SASL_MECHANISM oauthbearer requires KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET',
    );
  if (tokenUrl.startsWith('http:'))
    refusePlaintext('KAFKA_OAUTH_TOKEN_URL', [new URL(tokenUrl).hostname], 'https', texts);
  // The form in which Basic authentication sends them.
  rememberSecret([clientId, clientSecret.reveal()].map(encodeURIComponent).join(':'));
  return Object.freeze({
    ...{ tokenUrl, clientId, clientSecret, ...proxyTo(tokenUrl, texts) },
    scope: valueOf('KAFKA_OAUTH_SCOPE', texts),
    extensions: valueOf('KAFKA_OAUTH_EXTENSIONS', texts),
  });
}
