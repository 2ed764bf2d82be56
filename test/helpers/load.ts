import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createProducer, createTopics, messagesOf } from './topic.ts';

const TICK_MS = 50;

/** Sends messages with unique keys until it is stopped. */
export interface Load {
  /** The number of messages sent and acknowledged. */
  readonly sent: number;
  stop(): Promise<void>;
}

/**
 * Produces plans `pl_0`, `pl_1`, …, each with its number as `interval_count`, in batches of the
 * given size, at most twenty times a second.
 */
export async function createLoad(t: TestContext, settings: Settings, perTick: number): Promise<Load> {
  await createTopics(settings, 'plans');
  let sent = 0;
  let isStopped = false;
  let working: Promise<void> = Promise.resolve();
  const stop = async () => {
    isStopped = true;
    await working;
  };
  // Registered first, so that the load stops before the producer disconnects.
  t.after(stop);
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const produce = async () => {
    while (!isStopped) {
      const records = Array.from({ length: perTick }, (_, index) => ({
        uuid: `pl_${sent + index}`,
        interval_count: sent + index,
      }));
      await producer.send({ topic, messages: await messagesOf(settings, 'plans', records) });
      sent += perTick;
      await delay(TICK_MS);
    }
  };
  working = produce();
  return {
    get sent() {
      return sent;
    },
    stop,
  };
}
