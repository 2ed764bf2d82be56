import type { IHeaders } from 'kafkajs';
import type { Settings } from '../../core/settings/config.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { noSignal } from './settings.ts';

/** A message with its headers. */
export interface ReadMessage {
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

/**
 * Returns all committed messages of a topic, whatever their content. Messages with the same key are
 * in topic order.
 */
export async function readTopic(settings: Settings, topic: string): Promise<ReadMessage[]> {
  const messages: ReadMessage[] = [];
  const handle = ({
    key,
    value,
    headers,
  }: {
    key: Buffer | null;
    value: Buffer | null;
    headers?: IHeaders;
  }) =>
    messages.push({
      key: key?.toString('utf8') ?? '',
      value: value && Buffer.from(value),
      headers: Object.fromEntries(
        Object.entries(headers ?? {}).flatMap(([name, bytes]) =>
          Buffer.isBuffer(bytes) ? [[name, Buffer.from(bytes)]] : [],
        ),
      ),
    });
  await readTopics(settings, new Map([[topic, handle]]), noSignal);
  return messages;
}

/**
 * Returns the keys of the messages, sorted, with duplicates. Deletes are marked, as in `pl_2 †`.
 */
export async function keysOf(settings: Settings, topic: string): Promise<string[]> {
  const messages = await readTopic(settings, topic);
  return messages.map(({ key, value }) => (value === null ? `${key} †` : key)).sort();
}
