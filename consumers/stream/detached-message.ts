import type { KafkaMessage } from 'kafkajs';

/**
 * Copies a message, without its headers, to keep it: the original would keep its whole fetch in
 * memory.
 */
export function detached({ key, value, offset, timestamp }: KafkaMessage): KafkaMessage {
  return {
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    offset,
    timestamp,
    attributes: 0,
    headers: {},
  };
}
