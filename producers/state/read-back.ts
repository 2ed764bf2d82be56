import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLetterState } from '../../core/dead-letters/format.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { ChildTable } from './child-table.ts';
import { KeyTable } from './key-table.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from './checkpoint.ts';
import { messageHeaders } from '../encode/message.ts';

/** All that is known of a stream from earlier runs; none of it is stored anywhere but in the topics. */
export interface StreamState {
  /** What the topic holds: keys of the messages and hashes of their records. */
  readonly keys: KeyTable;
  /** Of a stream with parents: which of its keys stand under which. */
  readonly children: ChildTable;
  checkpoint: Checkpoint | undefined;
  /** Of a stream with parents: what each was last visited for. */
  readonly visits: KeyTable;
  /** Keys that the last complete run did not meet. */
  readonly missing: Set<string>;
  /** An earlier run has read it: the topic has records of it, or a run was complete. */
  readonly hasBeenRead?: boolean;
}

export interface KnownState {
  readonly streams: ReadonlyMap<string, StreamState>;
  /** Records that stand on the topic of dead letters, those that were discarded included. */
  readonly deadLetters: KeyTable;
  /** Of these, the ones that a person has given up. */
  readonly discarded: KeyTable;
  /** By stream, why its topic is unreadable; nothing is known of such a stream. */
  readonly unreadable: ReadonlyMap<string, Error>;
}

/** No hash of a record: such a message is sent again when its record is met. */
const UNKNOWN_HASH: RecordHash = Buffer.alloc(8);

export async function readBack(
  admin: KafkaAdmin,
  settings: Settings,
  streams: readonly string[],
  signal: AbortSignal,
): Promise<KnownState> {
  const { topicPrefix } = settings;
  const states = new Map(streams.map((stream) => [stream, createState()]));
  const [deadLetters, discarded] = [new KeyTable(), new KeyTable()];
  const handlers = new Map<string, MessageHandler>();
  for (const [stream, { keys, children }] of states) {
    handlers.set(topicOf(topicPrefix, stream), (message) => {
      note(keys, message);
      const parent = message.headers?.[messageHeaders.parent];
      if (message.key !== null && Buffer.isBuffer(parent)) children.set(message.key, parent);
    });
  }
  // A record that was redriven, and cannot be sent again, is to be set aside again.
  handlers.set(deadLettersTopic(topicPrefix), (message) => {
    const state = deadLetterState(message.headers);
    note(deadLetters, state === 'redriven' ? { ...message, value: null } : message);
    note(discarded, state === 'discarded' ? message : { ...message, value: null });
  });
  handlers.set(checkpointsTopic(topicPrefix), (message) => noteCheckpoint(states, message));
  const unreadable = new Map<string, Error>();
  const ours = new Map(streams.map((stream) => [topicOf(topicPrefix, stream), stream]));
  await readTopics(admin, settings, handlers, signal, {
    onUnreadable: (topic, error) => {
      const stream = ours.get(topic);
      if (stream !== undefined) unreadable.set(stream, error);
      // Topics that all streams share must be readable.
      return stream !== undefined;
    },
  });
  for (const [stream, state] of states) {
    const hasBeenRead = state.keys.size > 0 || state.checkpoint?.isComplete === true;
    states.set(stream, { ...(state.keys.size === 0 ? createState() : state), hasBeenRead });
  }
  return { streams: states, deadLetters, discarded, unreadable };
}

/** Of a stream of which nothing is known. */
export function createState(): StreamState {
  return {
    keys: new KeyTable(),
    children: new ChildTable(),
    checkpoint: undefined,
    visits: new KeyTable(),
    missing: new Set(),
  };
}

function note(table: KeyTable, { key, value, headers }: KafkaMessage): void {
  if (key === null) return;
  if (value === null) table.delete(key);
  else table.set(key, hashIn(headers));
}

/** The hash in a message's headers. */
export function hashIn(headers: KafkaMessage['headers']): RecordHash {
  const hash = headers?.[messageHeaders.hash];
  return Buffer.isBuffer(hash) && hash.length === UNKNOWN_HASH.length ? hash : UNKNOWN_HASH;
}

function noteCheckpoint(states: ReadonlyMap<string, StreamState>, { key, value }: KafkaMessage): void {
  const about = key === null ? undefined : parseCheckpointKey(key.toString('utf8'));
  const state = about === undefined ? undefined : states.get(about.stream);
  if (about === undefined || state === undefined) return;
  switch (about.kind) {
    case 'stream':
      state.checkpoint = value === null ? undefined : parseCheckpoint(value.toString('utf8'));
      return;
    case 'visit':
      if (value?.length === UNKNOWN_HASH.length) state.visits.set(about.subject, value);
      else state.visits.delete(about.subject);
      return;
    case 'missing':
      if (value === null) state.missing.delete(about.subject);
      else state.missing.add(about.subject);
  }
}
