import assert from 'node:assert/strict';
import test from 'node:test';
import { DeadLetterIndex } from '../../../../consumers/stream/dead-letter-index.ts';
import { ServiceRefusedError } from '../../../../core/errors.ts';
import type { KafkaAdmin } from '../../../../core/kafka/admin.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { deadLettersTopic, topicOf } from '../../../../core/stream-name.ts';
import { gatherFrom } from '../../../../operations/status/gather-status.ts';
import { StatusServices } from '../../../../operations/status/services.ts';
import { deadLetterMessage, PREFIX, sinkHeaders } from '../../../helpers/dead-letters.ts';

/** Adds three dead letters to an index with a limit of two. */
function addTooMany(): void {
  const index = new DeadLetterIndex(PREFIX, 2);
  for (const offset of ['7', '8', '9'])
    index.note(deadLetterMessage({ ...sinkHeaders, offset }, { key: Buffer.from(`plans|sink|2|${offset}`) }));
}

test('DeadLetterIndex rejects more dead letters than its limit', () => {
  assert.throws(addTooMany, ServiceRefusedError);
});

test('status hides only the count of dead letters when there are too many', async () => {
  const admin = {
    with: () => admin,
    listTopics: () => Promise.resolve([topicOf(PREFIX, 'plans'), deadLettersTopic(PREFIX)]),
    topicConfigs: () => Promise.resolve(new Map()),
    committedOffsets: () => Promise.resolve(new Map()),
    topicOffsets: async (topic: string) => {
      await Promise.resolve();
      if (topic === deadLettersTopic(PREFIX)) addTooMany();
      return { id: 1n, partitions: [{ partition: 0, start: 3n, end: 3n }] };
    },
  };
  const settings = { ...loadSettings(), topicPrefix: PREFIX };
  const available = { settings, signal: new AbortController().signal, admin: admin as unknown as KafkaAdmin };
  const { streams, failures } = await gatherFrom(new StatusServices(available, new Set()), undefined);
  const [plans] = streams;
  assert.ok(plans);
  const { topic, lastRun, checkpoint, deadLetters } = plans;
  assert.deepEqual(
    { name: topic?.name, lastRun, checkpoint, deadLetters },
    { name: 'test.plans', lastRun: null, checkpoint: null, deadLetters: undefined },
  );
  assert.match(failures.join('\n'), /^there are more than 2 pending and discarded dead letters: [^\n]*$/);
});
