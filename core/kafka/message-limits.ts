import kafkajs, { type Admin, type ConfigResourceTypes } from 'kafkajs';
import type { Settings } from '../settings/config.ts';
import { ServiceRefusedError } from '../errors.ts';
import { askKafka } from './client.ts';
import { logger } from '../logger.ts';
import { wantedTopicConfig } from './topic-retention.ts';

/** How many bytes one record batch of a topic may have. */
export type MessageLimit = (topic: string) => number;

/** Of topics as we make them. */
export const ownMessageLimit: MessageLimit = (topic) => Number(wantedTopicConfig(topic)['max.message.bytes']);

/** Kafka's default of `socket.request.max.bytes`. A broker does not answer a larger request: it hangs up. */
const DEFAULT_REQUEST_BYTES = 100 * 1024 * 1024;
/** Of a request, what is not its record batch. */
const REQUEST_OVERHEAD_BYTES = 64 * 1024;

/**
 * What the topics take, by their own settings and the brokers'; of topics that are missing or may not be described, what ours take.
 *
 * @throws ServiceUnavailableError; the signal's reason.
 */
export async function readMessageLimits(
  admin: Admin,
  settings: Settings['kafka'],
  topics: readonly string[],
  signal: AbortSignal,
): Promise<MessageLimit> {
  const existing = new Set(await askKafka(settings, signal, () => admin.listTopics()));
  const { brokers } = await askKafka(settings, signal, () => admin.describeCluster());
  const describe = (
    type: ConfigResourceTypes,
    name: 'max.message.bytes' | 'socket.request.max.bytes',
    of: string[],
  ) => described(admin, settings, { type, name, of }, signal);
  const { TOPIC, BROKER } = kafkajs.ConfigResourceTypes;
  const ofTopics = await describe(
    TOPIC,
    'max.message.bytes',
    topics.filter((topic) => existing.has(topic)),
  );
  const ofBrokers = await describe(
    BROKER,
    'socket.request.max.bytes',
    brokers.map(({ nodeId }) => String(nodeId)),
  );
  const request = Math.min(...(ofBrokers.size > 0 ? ofBrokers.values() : [DEFAULT_REQUEST_BYTES]));
  return (topic) => Math.min(ofTopics.get(topic) ?? ownMessageLimit(topic), request - REQUEST_OVERHEAD_BYTES);
}

/** A number that is configured, by topic or broker; empty where the account may not ask. */
async function described(
  admin: Admin,
  settings: Settings['kafka'],
  {
    type,
    name,
    of,
  }: { readonly type: ConfigResourceTypes; readonly name: string; readonly of: readonly string[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  if (of.length === 0) return new Map();
  const resources = of.map((resource) => ({ type, name: resource, configNames: [name] }));
  try {
    const answer = await askKafka(settings, signal, () =>
      admin.describeConfigs({ resources, includeSynonyms: false }),
    );
    return new Map(
      answer.resources.flatMap(({ resourceName, configEntries }) =>
        configEntries
          .filter(({ configName, configValue }) => configName === name && /^\d+$/.test(configValue))
          .map(({ configValue }) => [resourceName, Number(configValue)] as const),
      ),
    );
  } catch (error) {
    if (!(error instanceof ServiceRefusedError)) throw error;
    logger.debug({ setting: name, reason: error.message }, 'Kafka does not say how large a message may be');
    return new Map();
  }
}
