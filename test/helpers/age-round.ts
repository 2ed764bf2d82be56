import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { checkpointsTopic } from '../../core/stream-name.ts';
import { checkpointMessage } from '../../producers/state/checkpoint.ts';
import { progressOf } from './committed.ts';
import { createProducer } from './topic.ts';

/**
 * Rewrites the checkpoints of these streams as if their rounds had begun the given number of days
 * earlier.
 */
export async function ageRounds(
  t: TestContext,
  settings: Settings,
  days: number,
  ...streams: string[]
): Promise<void> {
  const producer = await createProducer(t, settings);
  for (const stream of streams) {
    const { checkpoint } = await progressOf(settings, stream);
    assert.ok(checkpoint, `${stream} has no checkpoint`);
    const roundAtMs = Math.round(checkpoint.roundAtMs - days * 86_400_000);
    const { key, value } = checkpointMessage(stream, { ...checkpoint, roundAtMs });
    await producer.send({ topic: checkpointsTopic(settings.topicPrefix), messages: [{ key, value }] });
  }
}
