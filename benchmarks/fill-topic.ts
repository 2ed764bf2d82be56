import { Partitioners, type Message } from 'kafkajs';
import type { Settings } from '../core/settings/config.ts';
import { createKafka } from '../core/kafka/client.ts';

/** The messages to send (`from` to `to` - 1), in sends of at most `perSend` messages. */
export interface Filling {
  readonly from: number;
  readonly to: number;
  readonly perSend: number;
  readonly sendsAtATime: number;
}

/** Sends numbered messages to a topic. */
export async function fillTopic(
  settings: Pick<Settings, 'kafka'>,
  topic: string,
  { from, to, perSend, sendsAtATime }: Filling,
  messageOf: (number: number) => Message,
  signal: AbortSignal,
): Promise<void> {
  const producer = createKafka(settings.kafka, 'bench').producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  let next = from;
  const sendAll = async () => {
    while (next < to) {
      signal.throwIfAborted();
      const messages: Message[] = [];
      const end = Math.min(next + perSend, to);
      for (; next < end; next++) messages.push(messageOf(next));
      await producer.send({ topic, acks: 1, messages });
    }
  };
  try {
    await Promise.all(Array.from({ length: sendsAtATime }, sendAll));
  } finally {
    await producer.disconnect();
  }
}
