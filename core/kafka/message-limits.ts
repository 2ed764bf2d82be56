import { ServiceRefusedError } from '../errors.ts';
import { logger } from '../logger.ts';
import type { KafkaAdmin } from './admin.ts';
import { wantedTopicConfig } from './topic-retention.ts';

/** The maximum size of one record batch of a topic, in bytes. */
export type MessageLimit = (topic: string) => number;

export const ownMessageLimit: MessageLimit = (topic) => Number(wantedTopicConfig(topic)['max.message.bytes']);

/** Kafka's default of `socket.request.max.bytes`. A broker disconnects on a larger request. */
const DEFAULT_REQUEST_BYTES = 100 * 1024 * 1024;
/** The bytes reserved for the parts of a request other than its record batch. */
const REQUEST_OVERHEAD_BYTES = 64 * 1024;

/**
 * Returns the limit of each topic or, if it is lower, the request size that all brokers accept.
 * Where Kafka does not report a limit, {@link ownMessageLimit} or the brokers' default applies.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function readMessageLimits(admin: KafkaAdmin, topics: readonly string[]): Promise<MessageLimit> {
  const found = (await admin.listTopics()).filter((topic) => topics.includes(topic));
  const ofTopics = await numbers(admin, 'TOPIC', found, 'max.message.bytes');
  const ofBrokers = await numbers(admin, 'BROKER', await admin.brokerIds(), 'socket.request.max.bytes');
  const request = Math.min(...(ofBrokers.size > 0 ? ofBrokers.values() : [DEFAULT_REQUEST_BYTES]));
  return (topic) => Math.min(ofTopics.get(topic) ?? ownMessageLimit(topic), request - REQUEST_OVERHEAD_BYTES);
}

/** Reads a numeric entry, by topic or broker; empty if the Kafka user may not read it. */
async function numbers(
  admin: KafkaAdmin,
  kind: 'TOPIC' | 'BROKER',
  names: readonly string[],
  entry: string,
): Promise<ReadonlyMap<string, number>> {
  try {
    const found = new Map<string, number>();
    for (const [name, config] of await admin.configs(kind, names, [entry])) {
      const value = config.get(entry) ?? '';
      if (/^\d+$/.test(value)) found.set(name, Number(value));
    }
    return found;
  } catch (error) {
    if (!(error instanceof ServiceRefusedError)) throw error;
    logger.debug({ entry, reason: error.message }, 'Kafka does not report its message limits');
    return new Map();
  }
}
