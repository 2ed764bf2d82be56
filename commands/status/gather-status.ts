import type { Settings } from '../../core/config.ts';
import { checkpointsTopic, deadLettersTopic, topicOf, viewOf } from '../../core/stream-name.ts';
import { describeTopicConfigs, type TopicConfig } from '../../core/topic-retention.ts';
import { chooseStreams } from './choose-streams.ts';
import { readJournals, type Journals } from './journals.ts';
import { readLastRun, type LastRun } from './last-run.ts';
import { Services } from './services.ts';
import type { Status, StreamStatus, Warning } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';
import { lagOf, readCommitted, readTopicStatus, type CommittedOffsets } from './topic-facts.ts';
import {
  journalWarnings,
  leftTopicWarnings,
  lostRowsWarnings,
  pairWarnings,
  topicWarnings,
} from './warnings.ts';

/** What is asked once for all streams; undefined where it could not be asked. */
interface Shared {
  readonly settings: Settings;
  readonly services: Services;
  /** Names of all topics. */
  readonly topics: readonly string[] | undefined;
  /** The streams that have a table, as the table names them. */
  readonly tables: readonly string[] | undefined;
  readonly configs: ReadonlyMap<string, TopicConfig> | undefined;
  readonly committed: CommittedOffsets | undefined;
  readonly journals: Journals | undefined;
}

/**
 * Asks Kafka, the registry and ClickHouse how the streams stand; writes nothing. A service that does not answer leaves a line among the
 * failures, and its part of the status undefined.
 *
 * @param wanted only these streams; all that there are if undefined.
 * @throws ConfigError for a stream that is not known; the signal's reason.
 */
export async function gatherStatus(
  settings: Settings,
  wanted: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Status> {
  const services = new Services(settings, signal);
  try {
    await services.connect();
    const [topics, tables] = await Promise.all([
      services.kafka(({ ask }) => ask((admin) => admin.listTopics())),
      services.clickhouse((asked) => asked.streams()),
    ]);
    const { topicPrefix } = settings;
    const streams = chooseStreams(topics, tables, topicPrefix, wanted);
    const isThere = (name: string) => topics?.includes(name) === true;
    const ofStreams = streams.map((stream) => topicOf(topicPrefix, stream)).filter(isThere);
    // They belong to no stream: whoever names some streams hears of those only.
    const ofJournals =
      wanted === undefined
        ? [checkpointsTopic(topicPrefix), deadLettersTopic(topicPrefix)].filter(isThere)
        : [];
    const [configs, committed, journals] = await Promise.all([
      services.kafka(({ ask }) => describeTopicConfigs(ask, [...ofStreams, ...ofJournals])),
      services.kafka(({ ask }) => readCommitted(ask, settings, ofStreams)),
      services.kafka(({ admin }) => readJournals(admin, settings, signal)),
    ]);
    const shared: Shared = { settings, services, topics, tables, configs, committed, journals };
    const statuses: StreamStatus[] = [];
    const warnings: Warning[] = [];
    for (const stream of streams) {
      const { status, table } = await streamStatus(stream, shared);
      statuses.push(status);
      warnings.push(...(await streamWarnings(status, table, shared)));
    }
    if (wanted === undefined) warnings.push(...leftTopicWarnings(topics ?? [], topicPrefix));
    for (const name of ofJournals) {
      const config = configs?.get(name);
      if (config !== undefined) warnings.push(...journalWarnings(name, config));
    }
    return { atMs: Date.now(), streams: statuses, warnings, failures: services.failures };
  } finally {
    await services.close();
  }
}

async function streamStatus(
  stream: string,
  { settings, services, topics, tables, committed, journals }: Shared,
): Promise<{ status: StreamStatus; table: TableFacts | null | undefined }> {
  const name = topicOf(settings.topicPrefix, stream);
  // The table first, so that no row of it is of a message that the topic did not have yet.
  const table =
    tables?.includes(viewOf(stream)) === false
      ? null
      : await services.clickhouse((asked) => asked.facts(stream));
  const sink =
    table === undefined || committed === undefined ? undefined : { table, committed: committed.get(name) };
  const topic =
    topics?.includes(name) === false
      ? null
      : await services.kafka(({ ask }) => readTopicStatus(ask, name, sink));
  const status: StreamStatus = {
    stream,
    topic,
    table: table && { name: table.name, rows: table.rows },
    lag: topic && lagOf(topic),
    lastRun: await lastRunOf(stream, services, journals),
    checkpoint: journals && (journals.checkpoints.get(stream) ?? null),
    deadLetters: journals && (journals.letters.get(stream) ?? 0),
  };
  return { status, table };
}

async function lastRunOf(
  stream: string,
  services: Services,
  journals: Journals | undefined,
): Promise<LastRun | null | undefined> {
  const message = journals?.runs.get(stream);
  if (message === undefined) return journals && null;
  return services.registry((registry) => readLastRun(stream, message, registry));
}

async function streamWarnings(
  status: StreamStatus,
  table: TableFacts | null | undefined,
  { settings, services, configs }: Shared,
): Promise<Warning[]> {
  const { stream, topic } = status;
  const warnings = pairWarnings(status, settings.topicPrefix);
  if (!topic) return warnings;
  const config = configs?.get(topic.name);
  if (config !== undefined) warnings.push(...topicWarnings(topic, config, settings));
  if (!table) return warnings;
  const lost = await services.clickhouse((tables) => lostRowsWarnings(stream, topic, table, tables));
  return [...warnings, ...(lost ?? [])];
}
