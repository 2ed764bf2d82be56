import { createHash } from 'node:crypto';
import type { Settings } from '../core/settings/config.ts';
import { KafkaAdmin } from '../core/kafka/admin.ts';
import { topicOf } from '../core/stream-name.ts';
import { fillTopic } from './fill-topic.ts';

const MESSAGES_PER_SEND = 5_000;
const SENDS_AT_A_TIME = 4;
/** Size of a value. A reader of the keys skips the values. */
const VALUE_BYTES = 250;

/**
 * Adds the keys `from` to `to` - 1 to the topic of a stream, each with the headers of a record. The
 * topic looks as if `produce` had written it, but its values cannot be decoded.
 */
export async function fillKeyedTopic(
  settings: Settings,
  stream: string,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<void> {
  const topic = topicOf(settings.topicPrefix, stream);
  const admin = await KafkaAdmin.connect(settings.kafka, 'bench', signal);
  await admin.ensureTopics([topic]);
  const { partitions = [] } = (await admin.topicOffsets(topic)) ?? {};
  await admin.close();
  const value = Buffer.alloc(VALUE_BYTES, 'v');
  const filling = { from, to, perSend: MESSAGES_PER_SEND, sendsAtATime: SENDS_AT_A_TIME };
  const messageOf = (number: number) => {
    // One partition per request, so that its record batch is large.
    const partition = Math.floor((number - from) / MESSAGES_PER_SEND) % partitions.length;
    return { partition, key: keyOf(number), value, headers: headersOf(number) };
  };
  await fillTopic(settings, topic, filling, messageOf, signal);
}

function keyOf(number: number): string {
  return `cus_${number.toString(16).padStart(8, '0')}-7a52-11ee-b962-0242ac120002`;
}

function headersOf(number: number): Record<string, Buffer> {
  const hash = Buffer.alloc(8);
  hash.writeUInt32LE(number, 0);
  return { hash, run };
}

const run = Buffer.from(createHash('sha256').update('bench').digest('hex').slice(0, 36));
