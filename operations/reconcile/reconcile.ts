import pLimit from 'p-limit';
import { withConnections, type Connections } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { toEtlError } from '../../core/kafka/kafka-error.ts';
import { logger } from '../../core/logger.ts';
import { topicOf, viewOf } from '../../core/stream-name.ts';
import { chooseStreams, streamsOfTables, streamsUnder } from '../../consumers/run/choose-streams.ts';
import { listStorageTables } from '../status/table-facts.ts';
import { Patience } from './await-sink.ts';
import { compareStream, type CompareOptions, type StreamSides } from './compare-stream.ts';
import { emptyComparison, type StreamComparison } from './comparison.ts';
import type { Difference } from './find-differences.ts';
import { ReconcileProgress } from './reconcile-progress.ts';
import { MAX_REPAIRED_KEYS, repairStream } from './repair-stream.ts';
import { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';

export interface ReconcileOptions {
  /** Undefined for all streams that have a topic, a table or dead letters. */
  readonly streams: readonly string[] | undefined;
  /** Repairs differences and compares again. */
  readonly isRepair: boolean;
}

/**
 * Low, because each stream has a consumer, and a query that may use all cores of the server.
 */
const STREAMS_SIDE_BY_SIDE = 2;

/**
 * Compares the topics of streams with their storage tables and the tables with their views. Repairs
 * tables and views on request. A stream that fails does not affect the others.
 * @returns a comparison of each stream, in alphabetical order; after a repair, the second
 *   comparison.
 * @throws ConfigError, ServiceUnavailableError or ServiceRefusedError before anything is compared;
 *   the signal's reason.
 */
export async function reconcile(
  settings: Settings,
  options: ReconcileOptions,
  signal: AbortSignal,
  progress = new ReconcileProgress(),
): Promise<readonly StreamComparison[]> {
  const role = { name: 'reconcile', needs: ['admin', 'registry', 'database'] } as const;
  return withConnections(settings, role, signal, (services) => reconcileStreams(services, options, progress));
}

async function reconcileStreams(
  services: Connections,
  options: ReconcileOptions,
  progress: ReconcileProgress,
): Promise<readonly StreamComparison[]> {
  const rejected = await DeadLetterIndex.read(services);
  const deadLetters = rejected.counts;
  const streams = await findStreams(services, options.streams, [...deadLetters.keys()]);
  const patience = new Patience();
  progress.streams = streams.length;
  const limit = pLimit(STREAMS_SIDE_BY_SIDE);
  const comparisons = streams.map((sides) =>
    limit(async () => {
      services.signal.throwIfAborted();
      const own = { stream: sides.stream, doing: '', read: 0, messages: 0 };
      progress.active.add(own);
      try {
        const compareOptions = { rejected, progress: own, patience };
        return await reconcileStream(services, sides, compareOptions, options.isRepair);
      } catch (error) {
        services.signal.throwIfAborted();
        const failure = toEtlError(error, services.settings.kafka);
        return failed(sides.stream, failure, deadLetters.get(sides.stream) ?? 0);
      } finally {
        progress.active.delete(own);
        progress.compared++;
      }
    }),
  );
  // After an abort, every stream drops its side table before the services are closed.
  return Promise.all(comparisons).finally(() => Promise.allSettled(comparisons));
}

async function reconcileStream(
  services: Connections,
  sides: StreamSides,
  options: CompareOptions,
  isRepair: boolean,
): Promise<StreamComparison> {
  if (!isRepair) return (await compareStream(services, sides, options)).comparison;
  const found: Difference[] = [];
  let count = 0;
  const onDifference = (difference: Difference) => {
    if (++count <= MAX_REPAIRED_KEYS) found.push(difference);
  };
  const { comparison, repairable } = await compareStream(services, sides, { ...options, onDifference });
  const areViewsWrong = comparison.views.some(({ problem }) => problem !== undefined);
  if (repairable === undefined || (count === 0 && !areViewsWrong)) return comparison;
  const { stream } = sides;
  if (count > MAX_REPAIRED_KEYS) {
    const remark = `more than ${MAX_REPAIRED_KEYS} keys differ: npm run replay -- --streams ${stream} rebuilds the table`;
    return { ...comparison, repair: { inserted: 0, deleted: 0, left: count, remarks: [remark] } };
  }
  options.progress.doing = 'repairing';
  const repair = await repairStream(services, stream, repairable, found);
  logger.info({ stream, keys: count, inserted: repair.inserted, deleted: repair.deleted }, 'repaired');
  Object.assign(options.progress, { messages: 0, read: 0 });
  return { ...(await compareStream(services, sides, options)).comparison, repair };
}

function failed(stream: string, error: unknown, deadLetters: number): StreamComparison {
  const failure = error instanceof Error ? error : new Error(messageOf(error));
  logger.error({ stream, reason: failure.message }, 'stream not compared');
  return { ...emptyComparison(stream, deadLetters), failure };
}

/**
 * Returns the requested streams, or all with a topic, a table or dead letters.
 * @throws ConfigError
 */
async function findStreams(
  services: Connections,
  requested: readonly string[] | undefined,
  withDeadLetters: readonly string[],
): Promise<StreamSides[]> {
  const { database, admin } = services;
  const prefix = services.settings.topicPrefix;
  const topics = await admin.listTopics();
  const tables = await listStorageTables(database);
  const ofTables = streamsOfTables(tables, streamsUnder(prefix, topics).streams);
  const others = [...ofTables, ...withDeadLetters].map((stream) => topicOf(prefix, stream));
  const found = chooseStreams([...topics, ...others], prefix, requested)
    .map((stream) => ({
      stream,
      hasTopic: topics.includes(topicOf(prefix, stream)),
      hasTable: tables.includes(viewOf(stream)),
    }))
    .filter(
      ({ stream, hasTopic, hasTable }) =>
        requested !== undefined || hasTopic || hasTable || withDeadLetters.includes(stream),
    );
  if (found.length === 0)
    throw new ConfigError(
      `no topic begins with ${prefix} (TOPIC_PREFIX) and database ${database.name} (CLICKHOUSE_DATABASE) has no table of a stream: run npm run produce and npm run sink first`,
    );
  return found;
}
