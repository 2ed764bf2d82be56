import type { KafkaMessage } from 'kafkajs';

/** A copy of a message, without its headers, to keep: the message itself holds on to all that was fetched with it. */
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
