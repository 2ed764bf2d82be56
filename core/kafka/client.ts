import type { ConnectionOptions } from 'node:tls';
import {
  logLevel,
  type Kafka,
  type KafkaConfig,
  type LogEntry,
  type Mechanism,
  type SASLOptions,
} from 'kafkajs';
import type { Settings } from '../settings/config.ts';
import type { KafkaLogin } from '../settings/kafka-settings.ts';
import type { KafkaTls } from '../settings/kafka-tls.ts';
import { replaceKafkajsDecoder } from './decoder/kafkajs-decoder.ts';
import { replaceKafkajsEncoder } from './encoder/kafkajs-encoder.ts';
import { keyPartitioner } from './encoder/partitioner.ts';
import { replaceKafkajsConnect } from './kafkajs-connection.ts';
import { observeKafkajsDenials } from './kafkajs-denials.ts';
import { extendKafkajsMetadata } from './kafkajs-metadata.ts';
import { replaceKafkajsRequestChecks } from './kafkajs-request-queue.ts';
import { kafkaClass } from './kafkajs-send.ts';
import { oauthBearer } from './oauth-bearer.ts';
import { logger } from '../logger.ts';

/** Short first waits: kafkajs also backs off on normal responses in a transaction or rebalance. */
const patientRetry = { initialRetryTime: 50, multiplier: 1.6, retries: 12, maxRetryTime: 10_000 };

/**
 * Options for the first contact, whose failure the caller reports: one attempt without log lines.
 */
export const probeOptions: Partial<KafkaConfig> = {
  retry: { retries: 0 },
  logCreator: () => () => undefined,
};

/** With one request in flight, a retry preserves the order. */
export const producerOptions = {
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  createPartitioner: keyPartitioner,
};

export function createKafka(
  settings: Pick<Settings['kafka'], 'brokers' | 'tls' | 'sasl'>,
  role: string,
  options: Partial<KafkaConfig> = {},
): Kafka {
  replaceKafkajsConnect();
  replaceKafkajsDecoder();
  replaceKafkajsEncoder();
  replaceKafkajsRequestChecks();
  extendKafkajsMetadata();
  observeKafkajsDenials();
  const { sasl, tls } = settings;
  return new (kafkaClass())({
    clientId: `chartmogul-${role}`,
    brokers: [...settings.brokers],
    ssl: tls !== undefined && tlsOptions(tls),
    ...(sasl && { sasl: saslOptions(sasl) }),
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    retry: patientRetry,
    logLevel: logLevel.ERROR,
    logCreator: () => logKafka,
    ...options,
  });
}

function tlsOptions({ ca, client }: KafkaTls): ConnectionOptions {
  return {
    // Node trusts its own CAs only if the property is absent.
    ...(ca !== undefined && { ca }),
    ...(client && {
      cert: client.cert,
      key: client.key.reveal(),
      passphrase: client.keyPassword?.reveal(),
    }),
  };
}

function saslOptions(sasl: KafkaLogin): SASLOptions | Mechanism {
  if (sasl.mechanism === 'oauthbearer') return oauthBearer(sasl.oauth);
  // kafkajs has a type for each mechanism.
  return { ...sasl, password: sasl.password.reveal() } as SASLOptions;
}

/**
 * Warns of lost brokers at most once every 10 s: kafkajs retries, and throws what it cannot retry.
 */
function logKafka({ namespace, log }: LogEntry): void {
  const isAway =
    namespace === 'Connection' &&
    /^Connection (error|timeout)/.test(log.message) &&
    performance.now() - lastWarningMs > WARNING_INTERVAL_MS;
  if (isAway) lastWarningMs = performance.now();
  logger[isAway ? 'warn' : 'debug']({ kafka: namespace, broker: log['broker'] as unknown }, log.message);
}

const WARNING_INTERVAL_MS = 10_000;
let lastWarningMs = -Infinity;
