import assert from 'node:assert/strict';
import type { KafkaMessage } from 'kafkajs';
import { parseDeadLetter, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';

export const PREFIX = 'test.';
export const REJECTED_AT = Date.parse('2026-03-01T12:00:00Z');

export const sinkHeaders = {
  stream: 'plans',
  step: 'sink',
  code: 'ETL_DECODE',
  reason: 'broken',
  topic: 'test.plans',
  partition: '2',
  offset: '7',
  timestamp: '1700000000000',
};

/** Returns a message as it is stored on the dead-letter topic. */
export function deadLetterMessage(
  headers: Readonly<Record<string, string>>,
  changes: Partial<KafkaMessage> = {},
): KafkaMessage {
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const);
  return {
    key: Buffer.from('plans|sink|2|7'),
    value: Buffer.from('bytes'),
    timestamp: String(REJECTED_AT),
    attributes: 0,
    offset: '0',
    headers: Object.fromEntries(bytes),
    ...changes,
  } as KafkaMessage;
}

/** Returns the dead letter that a message with these headers contains. */
export function deadLetterOf(
  headers: Readonly<Record<string, string>> = sinkHeaders,
  key = 'plans|sink|2|7',
): StoredDeadLetter {
  const deadLetter = parseDeadLetter(deadLetterMessage(headers, { key: Buffer.from(key) }), PREFIX);
  assert.ok(deadLetter);
  return { ...deadLetter, value: Buffer.from('bytes') };
}
