import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { randomUUID } from 'node:crypto';
import { Database } from '../../core/clickhouse/database.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { CaughtUp } from '../../core/kafka/caught-up.ts';
import { messageOf, ReplayRefusedError, UnknownSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { steadyRetry } from '../../core/retry.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { StorageTable } from '../../consumers/table/storage-table.ts';
import { consume } from '../../consumers/run/consume.ts';
import {
  createStreamSink,
  type CreatedSink,
  type SinkServices,
} from '../../consumers/stream/create-stream-sink.ts';
import type { DeadLetter, DeadLetters } from '../../consumers/stream/dead-letters.ts';
import { endsOf, readPartitionLogs, topicIdOf } from '../../consumers/stream/partition-logs.ts';
import { highestOf, rowsOfTopic } from '../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import type { SetAside } from '../../consumers/stream/set-aside.ts';
import { sinkGroupOf, SinkGroup } from '../../consumers/run/sink-group.ts';
import { sink } from '../../consumers/run/sink.ts';
import { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import type { ReplayCounts } from './replay-counts.ts';
import { ReplayLock } from './replay-lock.ts';
import {
  isInOrderOfTime,
  keptRows,
  replayRange,
  writtenMeanwhile,
  type ReplayRange,
} from './replay-range.ts';
import { ShadowTable } from './shadow-table.ts';

const COUNT_MS = 100;
/** How long the new table may lag behind a sink that goes on before it is swapped in all the same: what is left is carried over. */
const FOLLOW_MS = 10_000;
const FOLLOW_ASK_MS = 50;
/** How long a sink may take to notice the swap and make up for what it wrote into the old table at that moment. */
const PROVE_MS = 60_000;
const PROVE_ASK_MS = 200;
const CLEAN_UP_MS = 10_000;
const SETTLE_MS = 300;

export interface ReplayWishes {
  readonly stream: string;
  /** ms since 1970; undefined for the beginning. */
  readonly from: number | undefined;
  /** Messages that stand on the topic of dead letters. */
  readonly setAside: SetAside;
}

/**
 * Builds the table of one stream anew from its topic and puts it in the place of the live one. Until then readers see the live one
 * as it is, and a sink goes on with it. Afterwards the old one is dropped, once the new one is seen to hold all that it held.
 */
export class StreamReplay {
  readonly #services: SinkServices;
  readonly #wishes: ReplayWishes;
  readonly #counts: ReplayCounts;
  readonly #signal: AbortSignal;
  readonly #topic: string;
  readonly #admin: KafkaAdmin;
  readonly #shadow: ShadowTable;
  /** The identity of the new table that has what is kept of the live one. */
  #prepared = '';

  constructor(services: SinkServices, wishes: ReplayWishes, counts: ReplayCounts) {
    const { settings, clickhouse, admin, signal } = services;
    this.#services = services;
    this.#wishes = wishes;
    this.#counts = counts;
    this.#signal = signal;
    this.#topic = topicOf(settings.topicPrefix, wishes.stream);
    this.#admin = admin;
    this.#shadow = new ShadowTable(clickhouse, settings.clickhouse, wishes.stream, signal);
  }

  /**
   * @throws ReplayRefusedError and others. Before the swap: then the live table is as it was. After it, the old one is still there, and
   *   a warning says so.
   */
  async run(): Promise<void> {
    const { settings, admin } = this.#services;
    this.#counts.state = 'preparing';
    // Refused before anything is done; looked at again under the lock.
    await this.#range();
    const lock = await ReplayLock.acquire(admin, settings, this.#wishes.stream, this.#signal);
    try {
      await this.#replay(AbortSignal.any([this.#signal, lock.lost]));
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
      created = await this.#fill(range, running);
      counts.state = 'swapping';
      await created.table.partitionRows();
      ({ identity } = created.table);
      if (identity !== this.#prepared)
        throw new ReplayRefusedError(
          `table ${shadow.name}, which was being filled, was dropped by somebody else: nothing was changed`,
        );
      await this.#carryOver();
      running.throwIfAborted();
    } catch (error) {
      const signal = AbortSignal.timeout(CLEAN_UP_MS);
      await shadow.drop(signal).catch(() => {});
      // A statement that was under way may make it anew.
      await delay(SETTLE_MS);
      await shadow.drop(signal).catch(() => {});
      throw error;
    }
    try {
      await shadow.exchange(identity);
      counts.swappedMs = performance.now();
      logger.info({ table: shadow.liveName, rows: counts.rows }, 'swapped');
      counts.state = 'proving';
      await this.#makeViews();
      await this.#prove(identity, created);
      counts.liveAfter = await shadow.countLive();
      await shadow.drop();
      counts.state = 'done';
    } catch (error) {
      const reason = messageOf(error);
      logger.warn(
        { table: shadow.name, reason },
        'not proved: a table is left under this name, which the next replay drops',
      );
      throw error;
    }
  }

  /** @throws ReplayRefusedError where rows would be lost that readers see. */
  async #range(): Promise<ReplayRange> {
    const { from } = this.#wishes;
    const range = await replayRange(this.#admin, this.#topic, from, await this.#shadow.partitionRows('live'));
    const lost = await this.#shadow.countLiveBefore(range.starts, from);
    if (lost > 0)
      throw new ReplayRefusedError(
        `topic ${this.#topic} has lost the messages of ${lost.toLocaleString('en-US')} rows that ${this.#shadow.liveName} still has ` +
          `(npm run status shows why): --from with a ${from === undefined ? '' : 'later '}time since which the topic is whole keeps them; nothing was changed`,
      );
    return range;
  }

  /** Makes the table and fills it up to the topic's end, and until it has what the sink has. */
  async #fill(range: ReplayRange, running: AbortSignal): Promise<CreatedSink> {
    const { settings, admin, letters } = this.#services;
    const { stream, from, setAside } = this.#wishes;
    const [counts, topic] = [this.#counts, this.#topic];
    const group = new SinkGroup(settings, `${settings.topicPrefix}replaying.${randomUUID()}`);
    const partitions = [...range.partitions];
    const caughtUp = new CaughtUp(partitions.map(([partition, { end }]) => ({ topic, partition, end })));
    const created = createStreamSink(
      { ...this.#services, signal: running, letters: onlyKnownSchemas(letters, setAside) },
      {
        stream,
        group,
        caughtUp,
        table: this.#shadow.name,
        floors: new Map(partitions.map(([partition, { from: floor }]) => [partition, floor])),
      },
    );
    if (!(await created.schemas.learnAll()))
      throw new ReplayRefusedError(
        `the registry has no schema for subject ${subjectOf(settings.topicPrefix, stream)}: nothing was changed`,
      );
    await this.#shadow.addForeignColumns();
    await this.#shadow.tellWhatIsLost();
    if (from !== undefined) await this.#shadow.copy(keptRows(from, range.live));
    this.#prepared = await created.table.readIdentity();

    counts.state = 'filling';
    counts.startedMs = performance.now();
    counts.offsets = partitions.reduce((sum, [, { from: start, end }]) => sum + Number(end - start), 0);
    const count = () => {
      counts.rows = created.sink.counts.rows;
      counts.deadLetters = created.sink.counts.deadLetters;
      const passed = partitions.map(([partition, { from: start }]) =>
        Number(
          (created.partitions.next(partition) ?? created.partitions.done.get(partition) ?? start) - start,
        ),
      );
      counts.passed = passed.reduce((sum, offsets) => sum + offsets, 0);
    };
    const counting = setInterval(count, COUNT_MS);
    const ended = new AbortController();
    try {
      const following = caughtUp.reached
        .then(() => this.#follow(created, ended.signal))
        .finally(() => created.sink.stop());
      following.catch(() => {});
      const sinks = new Map([[topic, created.sink]]);
      await consume({ group, settings, sinks, admin: this.#admin }, running);
      running.throwIfAborted();
      if (created.sink.counts.failure !== undefined) throw created.sink.counts.failure;
      await following;
      return created;
    } finally {
      ended.abort(new Error('nothing is consumed any more'));
      clearInterval(counting);
      count();
      await admin.removeGroup(group.groupId);
    }
  }

  /** Returns when the new table has what the sink has inserted into the live one, or after some seconds. */
  async #follow({ partitions }: CreatedSink, ended: AbortSignal): Promise<void> {
    this.#counts.state = 'following';
    const groupId = sinkGroupOf(this.#services.settings);
    const deadlineMs = performance.now() + FOLLOW_MS;
    while (!ended.aborted && performance.now() < deadlineMs) {
      const committed = (await this.#admin.committedOffsets(groupId, [this.#topic])).get(this.#topic) ?? [];
      if ([...committed].every(([partition, { offset }]) => offset <= (partitions.done.get(partition) ?? 0n)))
        return;
      await delay(FOLLOW_ASK_MS, undefined, { signal: ended });
    }
  }

  /**
   * What a sink has written into the live table since, so that readers miss nothing at the swap. Where types differ it cannot be
   * copied, and where producers give the times these do not tell what belongs to it: then the sink brings it after the swap.
   */
  async #carryOver(): Promise<void> {
    const shadow = this.#shadow;
    if (!(await isInOrderOfTime(this.#admin, this.#topic)) || !(await shadow.hasSameTypes())) return;
    const { live, own, ends } = await this.#standing();
    await shadow.copy(writtenMeanwhile(live, own, ends));
  }

  /** What of the topic is in the live table and in that of the shadow's name, and where the topic ended thereafter. */
  async #standing(): Promise<{ live: TableRows; own: TableRows; ends: ReadonlyMap<number, bigint> }> {
    const own = await this.#shadow.partitionRows('shadow');
    const live = await this.#shadow.partitionRows('live');
    const logs = await readPartitionLogs(this.#admin, this.#topic);
    const topicId = topicIdOf(logs);
    return { live: rowsOfTopic(live, topicId), own: rowsOfTopic(own, topicId), ends: endsOf(logs) };
  }

  /** Views as the new table's columns want them. */
  async #makeViews(): Promise<void> {
    const { clickhouse, settings, registry, signal } = this.#services;
    const { stream } = this.#wishes;
    const database = new Database(clickhouse, settings.clickhouse, { signal, policy: steadyRetry });
    const table = new StorageTable({ database, stream });
    await new StreamSchemas(registry, subjectOf(settings.topicPrefix, stream), table).learnLatest();
  }

  /**
   * Returns when readers see the new table and it has of every partition what the old one had. A sink whose inserts the new table refuses
   * looks where that stands, and goes on from there; where no sink is at work one is run.
   */
  async #prove(identity: string, { partitions }: CreatedSink): Promise<void> {
    const shadow = this.#shadow;
    await shadow.settle();
    const deadlineMs = performance.now() + PROVE_MS;
    for (;;) {
      if (!(await shadow.isLive(identity)))
        throw new ReplayRefusedError(
          `table ${shadow.liveName} is not the one that was swapped in: somebody else has replaced it`,
        );
      const { live: now, own: old, ends } = await this.#standing();
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
      if (await this.#hasSink()) await delay(PROVE_ASK_MS, undefined, { signal: this.#signal });
      else
        await sink(
          this.#services.settings,
          { streams: [this.#wishes.stream], untilCaughtUp: true },
          this.#signal,
        );
    }
  }

  async #hasSink(): Promise<boolean> {
    return (await this.#admin.groupMembers(sinkGroupOf(this.#services.settings))).length > 0;
  }
}

/**
 * Sets aside what the sink has not met yet. A schema that the registry has lost is no fault of a message: rows that readers see would
 * be missing from the new table.
 */
function onlyKnownSchemas(letters: Pick<DeadLetters, 'send'>, setAside: SetAside): Pick<DeadLetters, 'send'> {
  const isKnown = ({ topic, partition, message }: DeadLetter) => setAside.has(topic, partition, message);
  return {
    async send(all, policy) {
      const unknown = all.filter((letter) => !isKnown(letter));
      const lost = unknown.find(({ error }) => error instanceof UnknownSchemaError);
      if (lost !== undefined)
        throw new ReplayRefusedError(
          `topic ${lost.topic}, partition ${lost.partition}, offset ${lost.message.offset}: ${lost.error.message}, and the sink has not set the message aside: ` +
            'register the schema again; nothing was changed',
        );
      await letters.send(unknown, policy);
    },
  };
}
