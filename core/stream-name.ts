// Only this file derives the names of a stream's topic, registry subject, storage table and view.

const CHECKPOINTS = 'checkpoints';
const DEAD_LETTERS = 'dead-letters';

const internalTopics = new Set([CHECKPOINTS, DEAD_LETTERS]);

export function checkpointsTopic(prefix: string): string {
  return `${prefix}${CHECKPOINTS}`;
}

export function deadLettersTopic(prefix: string): string {
  return `${prefix}${DEAD_LETTERS}`;
}

export function isDeadLettersTopic(topic: string): boolean {
  return topic.endsWith(DEAD_LETTERS);
}

export function topicOf(prefix: string, stream: string): string {
  return `${prefix}${stream}`;
}

/** Returns the stream of a topic; undefined if the topic does not contain one. */
export function streamOfTopic(prefix: string, topic: string): string | undefined {
  if (!topic.startsWith(prefix)) return undefined;
  const stream = topic.slice(prefix.length);
  const isInternal = internalTopics.has(stream.slice(stream.lastIndexOf('.') + 1));
  return isStreamName(stream) && !isInternal ? stream : undefined;
}

/**
 * Returns why a topic with the prefix does not contain a stream; undefined if it contains one or is
 * internal.
 */
export function whyNoStream(prefix: string, topic: string): string | undefined {
  if (!topic.startsWith(prefix) || streamOfTopic(prefix, topic) !== undefined) return undefined;
  const rest = topic.slice(prefix.length);
  if (internalTopics.has(rest) || rest === '') return undefined;
  return rest.length > MAX_NAME
    ? `its name after ${prefix} is longer than ${MAX_NAME} characters`
    : 'its name is that of the checkpoints or dead letters of another TOPIC_PREFIX';
}

export function subjectOf(prefix: string, stream: string): string {
  return `${topicOf(prefix, stream)}-value`;
}

export function keySubjectOf(subject: string): string {
  return subject.replace(/-value$/, '-key');
}

export function storageTableOf(stream: string): string {
  return `${viewOf(stream)}_raw`;
}

/** Returns the table that keeps every version of a stream's rows: see `HistoryTable`. */
export function historyTableOf(stream: string): string {
  return `${storageTableOf(stream)}_history`;
}

/** Returns the view with a row for each version of a record. */
export function historyViewOf(stream: string): string {
  return `${viewOf(stream)}_history`;
}

/** Returns the view of the records as they were at a given time. */
export function pastViewOf(stream: string): string {
  return `${viewOf(stream)}_at`;
}

/**
 * Returns the view that users read: the stream's name, with `_` in place of the characters for
 * which SQL requires quotes, and before a leading digit.
 */
export function viewOf(stream: string): string {
  return stream.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
}

const MAX_NAME = 100;

/** Returns whether Kafka allows the name in a topic and the name is short enough for tables. */
export function isStreamName(name: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(name) && name.length <= MAX_NAME;
}

/**
 * Returns whether a producer's stream may have the name. Topics, tables and views use such a name
 * unchanged.
 */
export function isProducedName(name: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(name) && name.length <= MAX_NAME;
}
