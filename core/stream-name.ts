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
  return isStreamName(stream) && !internalTopics.has(stream) ? stream : undefined;
}

export function subjectOf(prefix: string, stream: string): string {
  return `${topicOf(prefix, stream)}-value`;
}

/** The table that the sink writes. */
export function storageTableOf(stream: string): string {
  return `${stream}_raw`;
}

/** The view that people read. */
export function viewOf(stream: string): string {
  return stream;
}

/** A name that is safe as part of a topic, a subject and a table. */
export function isStreamName(name: string): boolean {
  return /^[a-z][a-z0-9_]{0,99}$/.test(name);
}
