import { ParentFailedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { topicOf } from '../../core/stream-name.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { eventStream } from '../chartmogul/streams.ts';
import { KeyTable } from '../state/key-table.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import { hashIn } from '../state/read-back.ts';
import { ParentEvents } from './events.ts';
import type { SourceConnections } from './source-connections.ts';

/** The live records of a parent stream. */
export interface Parents {
  readonly keys: readonly string[];
  readonly hashes: readonly RecordHash[];
  /** Undefined if ChartMogul does not send events about these parents. */
  readonly events?: ParentEvents;
}

/**
 * Reads the parents from their topic after their stream has been produced. The topic contains all
 * parents, even if it took several runs to read them. Uses about 150 bytes per parent.
 */
export async function readParents(
  { settings, signal }: SourceConnections,
  stream: string,
  known: KeyTable,
): Promise<Parents> {
  const listed = new KeyTable();
  const keys: string[] = [];
  const hashes: RecordHash[] = [];
  const note: MessageHandler = ({ key, value, headers }) => {
    if (key === null || value === null) return;
    const hash = hashIn(headers);
    // Earlier messages of the key have other hashes; the same record may have been sent again.
    if (known.compare(key, hash) !== 'unchanged' || listed.has(key)) return;
    listed.set(key, hash);
    keys.push(key.toString('utf8'));
    // A copy, because the original would keep its whole fetch in memory.
    hashes.push(Buffer.from(hash));
  };
  const { topicPrefix } = settings;
  const handlers = new Map([[topicOf(topicPrefix, stream), note]]);
  if (eventStream.parent?.stream !== stream) {
    await readTopics(settings, handlers, signal);
    return { keys, hashes };
  }
  const events = new ParentEvents();
  const eventTopic = topicOf(topicPrefix, eventStream.name);
  await readTopics(settings, handlers.set(eventTopic, events.note), signal, {
    onUnreadable: (topic, error) => {
      if (topic !== eventTopic) return false;
      logger.warn(
        { topic, reason: error.message },
        'events are ignored: they do not trigger visits to customers',
      );
      return true;
    },
  });
  return { keys, hashes, events };
}

export function parentFailed(parentStream: string): ParentFailedError {
  return new ParentFailedError(
    `${parentStream} was not read to its end, so its child lists cannot be read: fix the failure of ${parentStream}, then run produce again`,
  );
}
