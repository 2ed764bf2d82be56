import type { Connections } from '../../core/connections.ts';
import type { KafkaMessage } from 'kafkajs';
import type { CommittedOffset } from '../../core/kafka/admin.ts';
import { askRows, clickHouseError, longStatement, qualified } from '../../core/clickhouse/client.ts';
import { singleAttempt } from '../../core/retry.ts';
import { StoppedError } from '../../core/errors.ts';
import { versionOf } from '../../core/kafka/message-time.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { isByPosition, keyIdOf, keyPartsSql, keysConditionSql } from '../table/key-sql.ts';
import type { StorageTable } from '../table/storage-table.ts';
import { localTableOf } from '../table/table-ddl.ts';
import { readTableShape, withoutSystemColumns, type TableColumn } from '../table/table-shape.ts';
import { detached } from './detached-message.ts';
import { RowKeys } from './row-keys.ts';
import { rowsOfTopic } from './resume-offset.ts';
import type { TableRows } from '../table/partition-rows.ts';
import type { DeadLetterIndex } from './dead-letter-index.ts';
import { blockOf, lostSpan, type CommitScope } from './commit-metadata.ts';

/** The maximum number of keys in one query, and their maximum total size. */
const KEYS_PER_QUERY = 2_000;
const BYTES_PER_QUERY = 1024 * 1024;
/**
 * The maximum number of keys without a row that are kept in memory. Beyond this number, the sink
 * inserts the messages again.
 */
const MAX_ROWLESS_KEYS = 100_000;

interface LatestOfKey {
  readonly parts: readonly string[];
  readonly version: bigint;
  readonly isDelete: boolean;
}

/**
 * Returns whether merges, and nothing else, removed the rows of these messages. In that case, the
 * key of each message has a row with at least the version of the message, or it has no row, because
 * it has a delete with such a version and a cleanup merge removed both. Dead letters have no row by
 * design. Returns false if the table was restored or lost rows: then some message is later than all
 * rows of its key.
 *
 * Memory is bounded: messages are compared in portions, and only keys without a row are kept.
 * @throws ServiceUnavailableError, ServiceRefusedError
 */
export async function wasMergedAway(
  services: Connections,
  stream: string,
  spans: ReadonlyMap<number, OffsetSpan>,
  rejected: Pick<DeadLetterIndex, 'has'>,
): Promise<boolean> {
  const { settings, database } = services;
  const doing = `rows of ${storageTableOf(stream)}`;
  try {
    const local = localTableOf(storageTableOf(stream), settings.clickhouse);
    const asked = database.with({ policy: singleAttempt });
    const shape = await readTableShape(asked, local);
    const { sortingKey = [], columns = [] } = shape ?? {};
    const sorted = sortingKey.flatMap((name) => columns.find((of) => of.name === name) ?? []);
    const key = withoutSystemColumns(sorted);
    // If each message is a separate row, merges remove none.
    if (shape?.keepsLatest !== true || key.length < sortingKey.length || isByPosition(sortingKey))
      return false;
    const rowKeys = await RowKeys.create(services, stream, key);
    return await new Comparison(services, stream, key, rowKeys).prove(spans, rejected);
  } catch (error) {
    if (error instanceof UnexplainedMessage) return false;
    throw clickHouseError(error, settings.clickhouse, doing);
  }
}

/**
 * The resume offsets according to the table's rows alone, and the offsets that the group has
 * committed.
 */
export interface ResumeState {
  readonly table: Pick<StorageTable, 'hasBlocks'>;
  readonly rows: TableRows;
  readonly owner: CommitScope;
  readonly next: ReadonlyMap<number, bigint>;
  readonly ends: ReadonlyMap<number, bigint>;
  readonly committed: ReadonlyMap<number, CommittedOffset>;
}

/**
 * Finds rows that the table once had, according to the commits, after its current last rows.
 * @param wasMerged not called if the table was emptied or filled by other means.
 * @returns by partition, the offset after these rows; and whether merges alone removed them.
 */
export async function findMergedAway(
  { table, rows, owner, next, ends, committed }: ResumeState,
  wasMerged: (spans: ReadonlyMap<number, OffsetSpan>) => Promise<boolean>,
): Promise<{ readonly resumeAt: ReadonlyMap<number, bigint>; readonly isMerged: boolean }> {
  const spans = new Map<number, OffsetSpan>();
  const blocks = new Set<string>();
  for (const [partition, commit] of committed) {
    const from = next.get(partition);
    if (from === undefined) continue;
    const span = lostSpan(commit, owner, { next: from, end: ends.get(partition) ?? 0n });
    if (span === undefined) continue;
    spans.set(partition, span);
    const block = blockOf(commit);
    if (block !== undefined) blocks.add(block);
  }
  const isMerged =
    spans.size > 0 &&
    rowsOfTopic(rows, owner.topicId).length > 0 &&
    (await table.hasBlocks(blocks)) &&
    (await wasMerged(spans));
  return { resumeAt: new Map([...spans].map(([partition, { to }]) => [partition, to])), isMerged };
}

/** Ends the comparison: merges do not explain why this message has no row. */
class UnexplainedMessage extends StoppedError {}

class Comparison {
  readonly #services: Connections;
  readonly #stream: string;
  readonly #key: readonly TableColumn[];
  readonly #rowKeys: RowKeys;
  /** The latest message of each key that has not been compared yet. */
  readonly #latest = new Map<string, LatestOfKey>();
  /** The lowest version that a delete must have, for each key without a row. */
  readonly #rowless = new Map<string, bigint>();
  #waiting: { readonly id: number; readonly message: KafkaMessage; readonly partition: number }[] = [];
  #bytes = 0;

  constructor(services: Connections, stream: string, key: readonly TableColumn[], rowKeys: RowKeys) {
    this.#services = services;
    this.#stream = stream;
    this.#key = key;
    this.#rowKeys = rowKeys;
  }

  /**
   * Returns whether merges explain all messages.
   * @throws UnexplainedMessage for the first message that they do not explain.
   */
  async prove(
    spans: ReadonlyMap<number, OffsetSpan>,
    rejected: Pick<DeadLetterIndex, 'has'>,
  ): Promise<boolean> {
    const topic = topicOf(this.#services.settings.topicPrefix, this.#stream);
    await this.#read(
      (message, partition) => {
        if (!rejected.has(topic, partition, message) && !this.#take(message, partition))
          throw new UnexplainedMessage('a message whose row key is unknown');
      },
      async () => {
        if (this.#latest.size >= KEYS_PER_QUERY || this.#bytes >= BYTES_PER_QUERY) await this.#compare();
      },
      new Map([[topic, spans]]),
    );
    await this.#compare();
    // The delete may be in another partition, or have a lower offset and a later time.
    if (this.#rowless.size > 0)
      await this.#read((message, partition) => {
        if (message.value === null) this.#take(message, partition);
      });
    this.#settleDeletes();
    return this.#rowless.size === 0;
  }

  async #read(
    take: MessageHandler,
    afterFetch = () => {
      this.#settleDeletes();
      return Promise.resolve();
    },
    spans?: ReadonlyMap<string, ReadonlyMap<number, OffsetSpan>>,
  ): Promise<void> {
    const { settings, signal } = this.#services;
    const handlers = new Map([[topicOf(settings.topicPrefix, this.#stream), take]]);
    await readTopics(settings, handlers, signal, {
      spans,
      afterFetch: async () => {
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const id of new Set(waiting.map((one) => one.id))) await this.#rowKeys.learn(id);
        for (const { message, partition } of waiting) take(message, partition);
        await afterFetch();
      },
    });
  }

  /** Returns false if the row key of the message is unknown. */
  #take(message: KafkaMessage, partition: number): boolean {
    const key = this.#rowKeys.of(message, partition, false);
    if (typeof key === 'number') {
      this.#waiting.push({ id: key, message: detached(message), partition });
      return true;
    }
    const parts = key && this.#rowKeys.partsOf(key);
    if (parts === undefined) return false;
    const id = keyIdOf(parts);
    const known = this.#latest.get(id);
    const version = versionOf(message);
    if (known === undefined) this.#bytes += 2 * id.length;
    if (known === undefined || known.version < version)
      this.#latest.set(id, { parts, version, isDelete: message.value === null });
    return true;
  }

  async #compare(): Promise<void> {
    const { client, name, signal } = this.#services.database;
    if (this.#latest.size === 0) return;
    const parts = keyPartsSql(this.#key.map((column) => column.name));
    const keys = [...this.#latest.values()].map((of) => of.parts);
    const rows = await askRows<{ readonly parts: readonly string[]; readonly version: string }>(
      client,
      `SELECT ${parts} AS parts, toString(max(_version)) AS version FROM ${qualified(name, storageTableOf(this.#stream))} ` +
        `WHERE ${keysConditionSql(this.#key, keys)} GROUP BY parts`,
      signal,
      longStatement,
    );
    const stored = new Map(rows.map((row) => [keyIdOf(row.parts), BigInt(row.version)]));
    for (const [id, { version }] of this.#latest) {
      const found = stored.get(id);
      if (found !== undefined && found < version)
        throw new UnexplainedMessage('a message later than its row');
      if (found === undefined && (this.#rowless.get(id) ?? -1n) < version) this.#rowless.set(id, version);
    }
    this.#settleDeletes();
    if (this.#rowless.size > MAX_ROWLESS_KEYS) throw new UnexplainedMessage('messages without rows');
  }

  /** Forgets each key without a row for which a delete with a sufficient version was read. */
  #settleDeletes(): void {
    for (const [id, { version, isDelete }] of this.#latest)
      if (isDelete && version >= (this.#rowless.get(id) ?? version + 1n)) this.#rowless.delete(id);
    this.#latest.clear();
    this.#bytes = 0;
  }
}
