import type { KafkaMessage } from 'kafkajs';

/** Copies a message without headers, to keep it: the original holds its whole fetch in memory. */
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
