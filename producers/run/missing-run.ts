import { withConnections } from '../../core/connections.ts';
import { EtlError, messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { RUNS } from '../publish/send-run.ts';

/**
 * Returns whether the topic `runs` has runs, but none that ended at or after the given time.
 * Returns false if the topic cannot be read, so that the next run begins at the next scheduled
 * time.
 */
export async function isRunMissing(settings: Settings, since: Date, signal: AbortSignal): Promise<boolean> {
  const topic = topicOf(settings.topicPrefix, RUNS);
  try {
    return await withConnections(
      settings,
      { name: 'schedule', needs: ['admin'] },
      signal,
      async ({ admin }) => {
        if (!(await admin.listTopics()).includes(topic)) return false;
        const ends = await admin.endOffsets([topic]);
        const next = await admin.offsetsSince(topic, since.getTime());
        return ends.length > 0 && ends.every(({ partition, end }) => (next.get(partition) ?? end) >= end);
      },
    );
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    if (!signal.aborted)
      logger.warn({ reason: messageOf(error) }, 'the time of the last run could not be read from Kafka');
    return false;
  }
}
