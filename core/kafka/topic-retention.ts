import { TOMBSTONE_RETENTION_DAYS } from '../settings/definitions.ts';
import { isDeadLettersTopic } from '../stream-name.ts';
import { several } from '../terminal/amounts.ts';

const DAY_MS = 86_400_000;

/** Kafka's default, 1 MiB, is too small: an invoice with thousands of line items is one message. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** A dead letter contains an entire message, and headers with the reason. */
export const MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 256 * 1024;

/** Entries by name, as Kafka prints them. */
export type TopicConfig = ReadonlyMap<string, string>;

/**
 * Returns the configuration with which a table can be rebuilt from its topic at any time:
 * compaction keeps the latest message of every key forever, and streams of events (`activities`,
 * `runs` …), where each event has its own key, stay complete.
 * @param tombstoneRetentionDays how long a sink may be stopped without missing deletes.
 */
export function wantedTopicConfig(
  topic: string,
  tombstoneRetentionDays = TOMBSTONE_RETENTION_DAYS,
): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': 'compact',
    'delete.retention.ms': String(tombstoneRetentionDays * DAY_MS),
    // Unused while the policy is `compact`; set because brokers' defaults differ.
    'retention.ms': '-1',
    'retention.bytes': '-1',
    // The broker's clock, not a producer's, orders the versions of a row.
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(isDeadLettersTopic(topic) ? MAX_DEAD_LETTER_BYTES : MAX_MESSAGE_BYTES),
  };
}

/** Kafka's defaults, for entries that it does not report. */
const kafkaDefaults = {
  'cleanup.policy': 'delete',
  'delete.retention.ms': String(DAY_MS),
  'retention.ms': String(7 * DAY_MS),
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
} as const;

/** The entries that retention and clock warnings depend on. */
export const judgedEntries: readonly string[] = Object.keys(kafkaDefaults);

function entryOf(config: TopicConfig, name: keyof typeof kafkaDefaults): string {
  return config.get(name) ?? kafkaDefaults[name];
}

/** Returns whether the broker's clock sets timestamps, so that they rise with the offsets. */
export function hasBrokerTimes(config: TopicConfig | undefined): boolean {
  return config?.get('message.timestamp.type') === 'LogAppendTime';
}

/**
 * Returns a warning, with its remedy, for each part of the configuration that lets Kafka delete old
 * messages, or makes a stopped sink miss deletes.
 * @param starts the first offset of each partition: if it is above zero, messages were deleted
 *   because of their age or the topic's size, or manually. Compaction does not change it.
 */
export function retentionWarnings(
  config: TopicConfig,
  starts: readonly bigint[],
  tombstoneRetentionDays = TOMBSTONE_RETENTION_DAYS,
): string[] {
  const warnings: string[] = [];
  const limit = deletionLimit(config);
  const gone = starts.reduce((sum, start) => sum + start, 0n);
  const lost = gone === 0n ? '' : `, and the topic has already lost ${several(Number(gone), 'message')}`;
  // Manual deletion is not a fault of the configuration, and `produce` may have sent records again.
  if (limit !== undefined)
    warnings.push(`${limit}: a replay lacks older messages${lost}; set cleanup.policy to compact`);
  const tombstones = entryOf(config, 'delete.retention.ms');
  const wanted = tombstoneRetentionDays * DAY_MS;
  if (policiesOf(config).includes('compact') && Number(tombstones) < wanted)
    warnings.push(
      `delete.retention.ms is ${tombstones} (${timeText(Number(tombstones))}): a sink that is stopped for longer misses deletes; ` +
        `set it to ${wanted} (TOMBSTONE_RETENTION_DAYS)`,
    );
  return warnings;
}

export function clockWarnings(config: TopicConfig): string[] {
  const type = entryOf(config, 'message.timestamp.type');
  if (type === 'LogAppendTime') return [];
  return [
    `message.timestamp.type is ${type}: the producers' clocks decide which version of a row is the latest; set it to LogAppendTime`,
  ];
}

function policiesOf(config: TopicConfig): string[] {
  return entryOf(config, 'cleanup.policy')
    .trim()
    .split(/\s*,\s*/);
}

/**
 * Returns a description of the settings that may delete the latest message of a key; undefined if
 * there are none.
 */
export function deletionLimit(config: TopicConfig): string | undefined {
  if (!policiesOf(config).includes('delete')) return undefined;
  const [ms, bytes] = [entryOf(config, 'retention.ms'), entryOf(config, 'retention.bytes')];
  const limits = [
    ...(isLimit(ms) ? [`retention.ms ${ms} (${timeText(Number(ms))})`] : []),
    ...(isLimit(bytes) ? [`retention.bytes ${bytes}`] : []),
  ];
  if (limits.length === 0) return undefined;
  return `cleanup.policy is ${entryOf(config, 'cleanup.policy')} with ${limits.join(' and ')}`;
}

/** Returns whether the value is a limit. Neither -1 nor the largest 64-bit number is one. */
function isLimit(value: string): boolean {
  return Number(value) >= 0 && Number(value) < Number.MAX_SAFE_INTEGER;
}

/** Returns `7 days`, `36 hours` or `1 second`: a whole number of the largest possible unit. */
function timeText(ms: number): string {
  const units = [
    ['day', DAY_MS],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ] as const;
  const [name, size] = units.find(([, unit]) => ms > 0 && ms % unit === 0) ?? ['millisecond', 1];
  return several(ms / size, name);
}
