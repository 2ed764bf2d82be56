import type { KafkaMessage } from 'kafkajs';
import type { Settings } from '../../core/settings/config.ts';
import { deadLetterState } from '../../core/dead-letters/format.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { readKeys, type KeyHandler } from '../../core/kafka/key-reader.ts';
import { HashedKey } from '../encode/hashed-key.ts';
import { ChildTable } from './child-table.ts';
import { KeyTable } from './key-table.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import { parseCheckpoint, parseCheckpointKey, type Checkpoint } from './checkpoint.ts';
import { messageHeaders } from '../encode/message.ts';

/** The state of a stream, as earlier runs left it on the topics. Nothing else stores this state. */
export interface StreamState {
  /** The keys on the topic, with the hashes of their records. */
  readonly keys: KeyTable;
  /** The parents of these keys, if the stream has parents. */
  readonly children: ChildTable;
  checkpoint: Checkpoint | undefined;
  /** The token of the last visit to each parent, if the stream has parents. */
  readonly visits: KeyTable;
  /** Keys that the last complete run did not see. */
  readonly missing: Set<string>;
  /** Whether an earlier run has read the stream: the topic has records, or a run completed. */
  readonly hasBeenRead?: boolean;
}

export interface KnownState {
  readonly streams: ReadonlyMap<string, StreamState>;
  /** Records on the dead-letter topic that were not redriven, including discarded ones. */
  readonly deadLetters: KeyTable;
  /** Dead letters that a user has discarded. */
  readonly discarded: KeyTable;
  /** The reasons why topics are unreadable, by stream. Nothing is known about these streams. */
  readonly unreadable: ReadonlyMap<string, Error>;
}

/** Represents a missing hash. The next run that reads the record sends it again. */
const UNKNOWN_HASH: RecordHash = Buffer.alloc(8);

export async function readBack(
  settings: Settings,
  streams: readonly string[],
  signal: AbortSignal,
): Promise<KnownState> {
  const { topicPrefix } = settings;
  const states = new Map(streams.map((stream) => [stream, createState()]));
  const [deadLetters, discarded] = [new KeyTable(), new KeyTable()];
  const handlers = new Map<string, MessageHandler>();
  const keyHandlers = new Map<string, KeyHandler>();
  // The hash of the record and that of its text. A missing or invalid hash is 0.
  const words = new Int32Array(4);
  for (const [stream, { keys, children }] of states) {
    keyHandlers.set(topicOf(topicPrefix, stream), (record) => {
      if (record.key === null) return;
      const key = new HashedKey(record.key);
      if (record.hasValue) {
        record.headerWords(HASH, words, 0);
        record.headerWords(TEXT_HASH, words, 2);
        keys.setWords(key, words);
      } else keys.delete(key);
      const parent = record.header(PARENT);
      if (parent !== undefined) children.set(key, parent);
    });
  }
  // A redriven record that fails again becomes a dead letter again.
  handlers.set(deadLettersTopic(topicPrefix), (message) => {
    const state = deadLetterState(message.headers);
    note(deadLetters, state === 'redriven' ? { ...message, value: null } : message);
    note(discarded, state === 'discarded' ? message : { ...message, value: null });
  });
  handlers.set(checkpointsTopic(topicPrefix), (message) => noteCheckpoint(states, message));
  const unreadable = new Map<string, Error>();
  // All streams use the shared topics, so these must be readable.
  await readTopics(settings, handlers, signal);
  await readKeys(settings, keyHandlers, signal, (topic, error) => {
    const stream = streams.find((name) => topicOf(topicPrefix, name) === topic);
    if (stream !== undefined) unreadable.set(stream, error);
    return stream !== undefined;
  });
  for (const [stream, state] of states) {
    const isEmpty = state.keys.size === 0;
    const hasBeenRead = !isEmpty || state.checkpoint?.isComplete === true;
    states.set(stream, { ...(isEmpty ? createState() : state), hasBeenRead });
  }
  return { streams: states, deadLetters, discarded, unreadable };
}

export function createState(): StreamState {
  return {
    keys: new KeyTable(),
    children: new ChildTable(),
    checkpoint: undefined,
    visits: new KeyTable(),
    missing: new Set(),
  };
}

const HASH = Buffer.from(messageHeaders.hash);
const TEXT_HASH = Buffer.from(messageHeaders.textHash);
const PARENT = Buffer.from(messageHeaders.parent);

function note(table: KeyTable, { key, value, headers }: KafkaMessage): void {
  if (key === null) return;
  if (value === null) table.delete(key);
  else table.set(key, hashIn(headers));
}

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
