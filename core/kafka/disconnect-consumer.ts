import { setImmediate as immediate } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';

/**
 * Makes a consumer leave its group, and closes its connections. kafkajs ignores a disconnect while
 * a consumer joins: the consumer would fetch, and keep its place in the group, for as long as the
 * process lives. kafkajs emits GROUP_JOIN a moment before the consumer counts as running, so the
 * disconnect waits for the next turn of the event loop.
 */
export async function disconnectConsumer(consumer: Consumer): Promise<void> {
  const leaveAgain = () => immediate().then(() => consumer.disconnect());
  consumer.on(consumer.events.GROUP_JOIN, () => void leaveAgain().catch(() => {}));
  await immediate();
  await consumer.disconnect();
}
