/**
 * A stream is one ChartMogul resource (`customers`). This file is the one place where the names that belong to a
 * stream are derived: its topic, its registry subject, its storage table and its view.
 */

const CHECKPOINTS = 'checkpoints';
const DEAD_LETTERS = 'dead-letters';

/** Topics under the prefix that are no stream's. */
const internalTopics = new Set([CHECKPOINTS, DEAD_LETTERS]);

/** The topic of the producers' progress. */
export function checkpointsTopic(prefix: string): string {
  return `${prefix}${CHECKPOINTS}`;
}

/** The topic of the records and messages that were set aside. */
export function deadLettersTopic(prefix: string): string {
  return `${prefix}${DEAD_LETTERS}`;
}

/** Of any prefix. */
export function isDeadLettersTopic(topic: string): boolean {
  return topic.endsWith(DEAD_LETTERS);
}

export function topicOf(prefix: string, stream: string): string {
  return `${prefix}${stream}`;
}

/** The stream of a topic, or undefined for a topic that holds no stream. */
export function streamOfTopic(prefix: string, topic: string): string | undefined {
  if (!topic.startsWith(prefix)) return undefined;
  const stream = topic.slice(prefix.length);
  return isStreamName(stream) && !internalTopics.has(stream.slice(stream.lastIndexOf('.') + 1))
    ? stream
    : undefined;
}

/** Why a topic under the prefix holds no stream; undefined for one that does, and for the project's own. */
export function whyNoStream(prefix: string, topic: string): string | undefined {
  if (!topic.startsWith(prefix) || streamOfTopic(prefix, topic) !== undefined) return undefined;
  const rest = topic.slice(prefix.length);
  if (internalTopics.has(rest) || rest === '') return undefined;
  return rest.length > MAX_NAME
    ? `what follows ${prefix} is longer than ${MAX_NAME} characters`
    : 'it has the name of a topic of checkpoints or dead letters, of another TOPIC_PREFIX';
}

export function subjectOf(prefix: string, stream: string): string {
  return `${topicOf(prefix, stream)}-value`;
}

/** The subject of the keys of a topic, by that of its values. */
export function keySubjectOf(subject: string): string {
  return subject.replace(/-value$/, '-key');
}

/** The table that the sink writes. */
export function storageTableOf(stream: string): string {
  return `${viewOf(stream)}_raw`;
}

/** The view that people read: the stream's name, with `_` for whatever would have to be quoted in SQL. */
export function viewOf(stream: string): string {
  return stream.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
}

const MAX_NAME = 100;

/** What a topic under the prefix may be called behind it: whatever Kafka allows, if it is short enough for the names of tables. */
export function isStreamName(name: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(name) && name.length <= MAX_NAME;
}

/** What a stream of our own producers may be called: the same in topic, subject, table and view. */
export function isProducedName(name: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(name) && name.length <= MAX_NAME;
}
