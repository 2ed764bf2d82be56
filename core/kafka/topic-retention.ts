import { TOMBSTONE_RETENTION_DAYS } from '../settings/config.ts';
import { isDeadLettersTopic } from '../stream-name.ts';

const DAY_MS = 86_400_000;

/** Kafka's own default of 1 MiB is less than a large record: an invoice with thousands of line items is one message. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** A letter has all of a message, and headers that say why it is one. */
export const MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 256 * 1024;

/** A topic's configuration entries by name, as Kafka prints them. */
export type TopicConfig = ReadonlyMap<string, string>;

/**
 * What every topic of ours is created with, so that a table can be made again from its topic at any time, and a run can read back what
 * earlier runs sent.
 *
 * Compacted: of every key the latest record stays for ever, since nothing bounds time or size. That keeps streams of events
 * (`activities`, `subscription_events`, `runs` …) whole as well: each event has a key of its own, and compaction takes only what a later
 * message of the same key replaced.
 *
 * @param tombstoneRetentionDays how long a delete stays on the topic: how long a sink may be away and still learn of it.
 */
export function wantedTopicConfig(
  topic: string,
  tombstoneRetentionDays = TOMBSTONE_RETENTION_DAYS,
): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': 'compact',
    'delete.retention.ms': String(tombstoneRetentionDays * DAY_MS),
    // Without a meaning while the policy is `compact`; said all the same, since brokers differ in what they take for granted.
    'retention.ms': '-1',
    'retention.bytes': '-1',
    // The broker's clock, not a producer's, orders the versions of a row.
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(isDeadLettersTopic(topic) ? MAX_DEAD_LETTER_BYTES : MAX_MESSAGE_BYTES),
  };
}

/** What is taken for an entry that Kafka does not tell: its own defaults. */
const kafkaDefaults: Readonly<Record<JudgedEntry, string>> = {
  'cleanup.policy': 'delete',
  'delete.retention.ms': String(DAY_MS),
  'retention.ms': String(7 * DAY_MS),
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
};

/** The entries that retention and clock warnings depend on. */
export const judgedEntries: readonly string[] = Object.keys(kafkaDefaults);

type JudgedEntry =
  'cleanup.policy' | 'delete.retention.ms' | 'retention.ms' | 'retention.bytes' | 'message.timestamp.type';

function entryOf(config: TopicConfig, name: JudgedEntry): string {
  return config.get(name) ?? kafkaDefaults[name];
}

/** Whether the broker's clock gives messages their times, so that these rise with the offsets. */
export function hasBrokerTimes(config: TopicConfig | undefined): boolean {
  return config?.get('message.timestamp.type') === 'LogAppendTime';
}

/** Whether what a topic holds is all that a table of its records needs. */
export interface ReplayOutlook {
  /** A replay from the beginning that starts now brings the latest record of every key that was ever sent. */
  readonly isComplete: boolean;
  /** Why it is not complete, or will not stay so; undefined where nothing is ever lost. Does not name the topic. */
  readonly reason: string | undefined;
}

/**
 * @param starts the first offset of each partition. Compaction leaves them where they are: one above zero means that messages were
 *   deleted, by age, by size or by hand, whether a later message replaced them or not.
 */
export function replayOutlook(config: TopicConfig, starts: readonly bigint[]): ReplayOutlook {
  const gone = starts.reduce((sum, start) => sum + start, 0n);
  const limit = deletionLimit(config);
  const lost = `${gone.toLocaleString('en-US')} of its first messages are gone`;
  if (limit === undefined) return { isComplete: gone === 0n, reason: gone === 0n ? undefined : lost };
  const reason = `${limit}: a replay lacks what is older`;
  return { isComplete: gone === 0n, reason: gone === 0n ? reason : `${reason}, and ${lost} already` };
}

/** What of a topic's configuration loses something, each with its cure; empty if it is as good as {@link wantedTopicConfig}. */
export function retentionWarnings(
  config: TopicConfig,
  starts: readonly bigint[],
  tombstoneRetentionDays = TOMBSTONE_RETENTION_DAYS,
): string[] {
  const warnings: string[] = [];
  const { reason = '' } = replayOutlook(config, starts);
  // What was deleted by hand is no fault of the configuration, and `produce` may have sent it again since.
  if (deletionLimit(config) !== undefined) warnings.push(`${reason}; set cleanup.policy to compact`);
  const tombstones = entryOf(config, 'delete.retention.ms');
  const wanted = tombstoneRetentionDays * DAY_MS;
  if (policiesOf(config).includes('compact') && Number(tombstones) < wanted)
    warnings.push(
      `delete.retention.ms is ${tombstones} (${timeText(Number(tombstones))}): a sink that is away for longer misses deletes; ` +
        `set it to ${wanted} (TOMBSTONE_RETENTION_DAYS)`,
    );
  return warnings;
}

/** The same of what orders the versions of a row; for topics that are sunk. */
export function clockWarnings(config: TopicConfig): string[] {
  const type = entryOf(config, 'message.timestamp.type');
  if (type === 'LogAppendTime') return [];
  return [
    `message.timestamp.type is ${type}: which version of a row is the latest hangs on the clocks of producers; set it to LogAppendTime`,
  ];
}

function policiesOf(config: TopicConfig): string[] {
  return entryOf(config, 'cleanup.policy')
    .split(',')
    .map((policy) => policy.trim());
}

/** By what messages are deleted though nothing replaced them, as `cleanup.policy is … with retention.ms …`; undefined if by nothing. */
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

/** -1 is none, as is the largest number of 64 bits, which some write for it. */
function isLimit(value: string): boolean {
  return Number(value) >= 0 && Number(value) < Number.MAX_SAFE_INTEGER;
}

/** `7 days`, `36 hours`, `1 second`: in the largest unit of which it is a whole number. */
function timeText(ms: number): string {
  const units = [
    ['day', DAY_MS],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ] as const;
  const [name, size] = units.find(([, unit]) => ms > 0 && ms % unit === 0) ?? ['millisecond', 1];
  const count = ms / size;
  return `${count.toLocaleString('en-US')} ${name}${count === 1 ? '' : 's'}`;
}
