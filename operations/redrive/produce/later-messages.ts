import type { KafkaAdmin } from '../../../core/kafka/admin.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { readTopics } from '../../../core/kafka/topic-reader.ts';
import type { RecordHash } from '../../../producers/encode/record-hash.ts';
import { hashIn } from '../../../producers/state/read-back.ts';

/** The latest message of a key. */
export interface LatestMessage {
  readonly timeMs: number;
  /** Hash of its record. */
  readonly hash: RecordHash;
  readonly isDelete: boolean;
}

/**
 * Returns the latest message of each of the given keys. Reads the topic once from its beginning.
 * Returns an empty map without a topic.
 */
export async function latestMessages(
  admin: KafkaAdmin,
  settings: Settings,
  topic: string,
  keys: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LatestMessage>> {
  const latest = new Map<string, LatestMessage>();
  if (keys.size === 0) return latest;
  const handler: Parameters<typeof readTopics>[2] = new Map([
    [
      topic,
      ({ key: bytes, value, headers, timestamp }) => {
        const key = bytes?.toString('utf8');
        if (key === undefined || !keys.has(key)) return;
        // A copy: the original would retain the whole fetch.
        const hash = Buffer.from(hashIn(headers));
        latest.set(key, { timeMs: Number(timestamp), hash, isDelete: value === null });
      },
    ],
  ]);
  await readTopics(admin, settings, handler, signal);
  return latest;
}
