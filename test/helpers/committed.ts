import assert from 'node:assert/strict';
import type { Settings } from '../../core/settings/config.ts';
import { checkpointsTopic, topicOf } from '../../core/stream-name.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from '../../producers/state/checkpoint.ts';
import { messageHeaders, type Message } from '../../producers/encode/message.ts';
import { noSignal } from './settings.ts';

/** A message as received by a consumer that reads only committed messages. */
export interface Committed extends Pick<Message, 'key' | 'value'> {
  /** The hash header in hex; undefined if it is absent, as in a delete. */
  readonly hash: string | undefined;
}

/** Returns the committed messages of each stream. Messages with the same key are in topic order. */
export async function committedMessages(
  settings: Settings,
  ...streams: string[]
): Promise<ReadonlyMap<string, readonly Committed[]>> {
  const messages = new Map(streams.map((stream): [string, Committed[]] => [stream, []]));
  await readTopics(
    settings,
    new Map(
      [...messages].map(([stream, committed]) => [
        topicOf(settings.topicPrefix, stream),
        ({ key, value, headers }) => {
          const hash = headers?.[messageHeaders.hash];
          committed.push({
            key: key?.toString('utf8') ?? '',
            value: value && Buffer.from(value),
            hash: Buffer.isBuffer(hash) ? hash.toString('hex') : undefined,
          });
        },
      ]),
    ),
    noSignal,
  );
  return messages;
}

/** Returns the keys of a stream's committed messages, sorted, with duplicates. */
export async function committedKeys(settings: Settings, stream: string): Promise<string[]> {
  const messages = (await committedMessages(settings, stream)).get(stream) ?? [];
  return messages.map(({ key }) => key).sort();
}

/** Returns the last message of each key, without deleted keys. */
export function folded(messages: readonly Committed[]): Map<string, Committed> {
  const live = new Map<string, Committed>();
  for (const message of messages) {
    if (message.value === null) live.delete(message.key);
    else live.set(message.key, message);
  }
  return live;
}

/** The progress of a stream according to the topic `checkpoints`. */
export interface Progress {
  readonly checkpoint: Checkpoint | undefined;
  /** The number of parents that were visited at least once. */
  readonly visits: number;
}

export async function progressOf(settings: Settings, stream: string): Promise<Progress> {
  let checkpoint: Checkpoint | undefined;
  const visits = new Set<string>();
  const handle: MessageHandler = ({ key, value }) => {
    const about = parseCheckpointKey(key?.toString('utf8') ?? '');
    if (about?.stream !== stream) return;
    if (about.kind === 'stream') checkpoint = parseCheckpoint(value?.toString('utf8') ?? '');
    if (about.kind === 'visit' && value !== null) visits.add(about.subject);
  };
  await readTopics(settings, new Map([[checkpointsTopic(settings.topicPrefix), handle]]), noSignal);
  return { checkpoint, visits: visits.size };
}

const DEADLINE_MS = 30_000;

/** Reads the topic `checkpoints` repeatedly until the condition is met. */
export async function untilProgress(
  settings: Settings,
  stream: string,
  isReached: (progress: Progress) => boolean,
): Promise<Progress> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const progress = await progressOf(settings, stream);
    if (isReached(progress)) return progress;
    assert.ok(
      performance.now() < endMs,
      `${stream} did not meet the condition within 30 s: ${JSON.stringify(progress)}`,
    );
  }
}

/** Returns a condition that is met while a list in the checkpoint continues at this cursor. */
export function isAtCursor(cursor: string): (progress: Progress) => boolean {
  return ({ checkpoint }) =>
    [...(checkpoint?.slices.values() ?? [])].some(({ next }) => next?.['cursor'] === cursor);
}
