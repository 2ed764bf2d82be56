import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, ReplayRefusedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { steadyRetry } from '../../core/retry.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { several } from '../../core/terminal/amounts.ts';
import { StorageTable } from '../../consumers/table/storage-table.ts';
import type { CreatedSink, SinkServices } from '../../consumers/stream/create-stream-sink.ts';
import { endsOf, readPartitionLogs, topicIdOf } from '../../consumers/stream/partition-logs.ts';
import { highestOf, rowsOfTopic } from '../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import type { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { sink } from '../../consumers/run/sink.ts';
import { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import type { ReplayCounts } from './replay-counts.ts';
import { fillShadow } from './fill-shadow.ts';
import { ReplayLock } from './replay-lock.ts';
import { replayRange, rowsToCarryOver, type ReplayRange } from './replay-range.ts';
import { ShadowTable } from './shadow-table.ts';

/**
 * The time that a sink may take to notice the swap and repeat, in the new table, its last writes to
 * the old one.
 */
const PROVE_MS = 60_000;
const PROVE_ASK_MS = 200;
const CLEAN_UP_MS = 10_000;
const SETTLE_MS = 300;

interface StreamReplayOptions {
  readonly stream: string;
  /** ms since 1970; undefined for the beginning. */
  readonly from: number | undefined;
  /** Messages that are dead letters. */
  readonly rejected: DeadLetterIndex;
}

/**
 * Rebuilds the table of one stream from its topic and swaps it with the live one. Until the swap,
 * readers see the live table, and a sink may write to it. The old table is dropped once the new one
 * is proved to reach the same offsets.
 */
export class StreamReplay {
  readonly #services: SinkServices;
  readonly #options: StreamReplayOptions;
  readonly #counts: ReplayCounts;
  readonly #topic: string;
  readonly #shadow: ShadowTable;

  constructor(services: SinkServices, options: StreamReplayOptions, counts: ReplayCounts) {
    const { database, settings } = services;
    this.#services = services;
    this.#options = options;
    this.#counts = counts;
    this.#topic = topicOf(settings.topicPrefix, options.stream);
    this.#shadow = new ShadowTable(database, options.stream);
  }

  /**
   * @throws ReplayRefusedError and others. After a failure before the swap, the live table is
   *   unchanged. After a later failure, the old table may still exist, and a warning names it.
   */
  async run(): Promise<void> {
    const { settings, admin, signal } = this.#services;
    this.#counts.state = 'preparing';
    // Refuses early, without the lock. The range is read again under the lock.
    await this.#range();
    const lock = await ReplayLock.acquire(admin, settings, this.#options.stream, signal);
    try {
      await this.#replay(AbortSignal.any([signal, lock.lost]));
    } finally {
      await lock.release();
    }
  }

  async #replay(running: AbortSignal): Promise<void> {
    const [counts, shadow] = [this.#counts, this.#shadow];
    let identity: string;
    let created: CreatedSink;
    try {
      await shadow.dropLeftovers();
      const range = await this.#range();
      counts.liveBefore = await shadow.countLive();
      const filling = { shadow, range, ...this.#options };
      const filled = await fillShadow({ ...this.#services, signal: running }, filling, counts);
      created = filled.created;
      counts.state = 'swapping';
      await created.table.partitionRows();
      ({ identity } = created.table);
      if (identity !== filled.identity)
        throw new ReplayRefusedError(
          `another client dropped table ${shadow.name} while it was being filled: nothing was changed`,
        );
      await this.#carryOver();
      running.throwIfAborted();
    } catch (error) {
      const signal = AbortSignal.timeout(CLEAN_UP_MS);
      await shadow.drop(signal).catch(() => {});
      // A statement that is still running may recreate the table.
      await delay(SETTLE_MS);
      await shadow.drop(signal).catch(() => {});
      throw error;
    }
    try {
      await shadow.exchange(identity);
      counts.swappedMs = performance.now();
      logger.debug({ table: shadow.liveName, rows: counts.rows }, 'table swapped');
      counts.state = 'proving';
      await this.#recreateViews();
      await this.#prove(identity, created);
      counts.liveAfter = await shadow.countLive();
      await shadow.drop();
      counts.state = 'done';
    } catch (error) {
      const what = { table: shadow.name, reason: messageOf(error) };
      logger.warn(what, 'the replay did not complete: the next replay drops the table with this name');
      throw error;
    }
  }

  /**
   * Returns the range to replay.
   * @throws ReplayRefusedError if rows that readers see would be lost.
   */
  async #range(): Promise<ReplayRange> {
    const { from } = this.#options;
    const live = await this.#shadow.partitionRows('live');
    const range = await replayRange(this.#services.admin, this.#topic, from, live);
    const lost = await this.#shadow.countLiveBefore(range.starts, from);
    if (lost > 0)
      throw new ReplayRefusedError(
        `topic ${this.#topic} has lost the messages of ${several(lost, 'row')} that ${this.#shadow.liveName} still has ` +
          `(npm run status shows why): to keep them, use --from with a ${from === undefined ? '' : 'later '}time from which the topic is complete; nothing was changed`,
      );
    return range;
  }

  /**
   * Copies the rows that a sink has written into the live table in the meantime, so that readers
   * miss none of them at the swap. If types differ or timestamps come from producers, the sink
   * inserts these rows later.
   */
  async #carryOver(): Promise<void> {
    const shadow = this.#shadow;
    const hasOrder = await this.#services.admin.hasBrokerTimes(this.#topic);
    if (!hasOrder || !(await shadow.hasSameTypes())) return;
    const { live, own, ends } = await this.#tableRows();
    await shadow.copy(rowsToCarryOver(live, own, ends));
  }

  /** Returns the rows of the current topic in both tables, and the end offsets, read after them. */
  async #tableRows(): Promise<{ live: TableRows; own: TableRows; ends: ReadonlyMap<number, bigint> }> {
    const own = await this.#shadow.partitionRows('shadow');
    const live = await this.#shadow.partitionRows('live');
    const logs = await readPartitionLogs(this.#services.admin, this.#topic);
    const topicId = topicIdOf(logs);
    return { live: rowsOfTopic(live, topicId), own: rowsOfTopic(own, topicId), ends: endsOf(logs) };
  }

  async #recreateViews(): Promise<void> {
    const { settings, registry, database } = this.#services;
    const { stream } = this.#options;
    const table = new StorageTable({ database: database.with({ policy: steadyRetry }), stream });
    await new StreamSchemas(registry, subjectOf(settings.topicPrefix, stream), table).learnLatest();
  }

  /**
   * Resolves once readers see the new table, and it contains every partition up to the same offset
   * as the old table. A sink resumes from the new table after that table has rejected its inserts.
   * Runs a sink if none is running.
   */
  async #prove(identity: string, { partitions }: CreatedSink): Promise<void> {
    const shadow = this.#shadow;
    const { settings, admin, signal } = this.#services;
    const options = { streams: [this.#options.stream], untilCaughtUp: true };
    await shadow.settle();
    const deadlineMs = performance.now() + PROVE_MS;
    for (;;) {
      if (!(await shadow.isLive(identity)))
        throw new ReplayRefusedError(
          `table ${shadow.liveName} is not the table that the replay swapped in: another client has replaced it`,
        );
      const { live: now, own: old, ends } = await this.#tableRows();
      const behind = old.filter(({ partition, highest: { offset, timeMs } }) => {
        const there = highestOf(now, partition);
        return (
          offset < (ends.get(partition) ?? 0n) &&
          (there?.offset ?? -1n) < offset &&
          (there?.timeMs ?? -1n) <= timeMs &&
          (partitions.done.get(partition) ?? 0n) <= offset
        );
      });
      if (behind.length === 0) return;
      if (performance.now() > deadlineMs)
        throw new ReplayRefusedError(
          `table ${shadow.liveName} lacks the last rows of partitions ${behind.map(({ partition }) => partition).join(', ')}: run npm run sink`,
        );
      if ((await admin.groupMembers(sinkGroupOf(settings))).length > 0)
        await delay(PROVE_ASK_MS, undefined, { signal });
      else await sink(settings, options, signal);
    }
  }
}
