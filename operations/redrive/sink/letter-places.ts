import type { Admin } from 'kafkajs';
import type { Settings } from '../../../core/settings/config.ts';
import type { SinkLetter } from '../../../core/dead-letters/parse-letter.ts';
import { adminAsker } from '../../../core/kafka/client.ts';
import { messageTimeMs } from '../../../core/kafka/message-time.ts';
import { readTopics, type OffsetSpan } from '../../../core/kafka/topic-reader.ts';
import { sinkGroupOf } from '../../../consumers/run/sink-group.ts';
import { readPartitionLogs } from '../../../consumers/stream/partition-logs.ts';
import { resumeOffset, type PartitionLog } from '../../../consumers/stream/resume-offset.ts';
import type { TableRows } from '../../../consumers/table/partition-rows.ts';
import type { CommittedOffset } from '../../../consumers/stream/trail.ts';

/** Why a row may not be inserted now. */
export const notPassed = 'the sink has not passed its message yet, and takes it again by itself';
export const notCaughtUp = 'messages before its own are not in the table: let the sink catch up first';

export interface PlacesOptions {
  /** What the table holds. */
  readonly rows: TableRows;
  /** The partitions of the topic as it is; empty if there is none. */
  readonly logs: ReadonlyMap<number, PartitionLog>;
  /** By partition, the commit of the sink's group. */
  readonly committed: ReadonlyMap<number, CommittedOffset>;
  /** By partition, where a sink resumes behind rows that merges removed. */
  readonly merged: ReadonlyMap<number, bigint>;
  /** By partition, the first message in its gap that is not set aside, or the gap's end. */
  readonly firstNotSetAside: (gaps: ReadonlyMap<number, OffsetSpan>) => Promise<ReadonlyMap<number, bigint>>;
}

/**
 * Why the rows of some letters may not be inserted now; the others may. The table is the sink's checkpoint: a row behind all others
 * says that everything before it is in. So a row is inserted only
 *
 * - where it does not change from which offset a sink would go on, or
 * - where the sink has passed the message, and what stands between that offset and the message is set aside too. What is
 *   committed alone does not tell: of a table that was dropped since, it is a thing of the past.
 */
export async function forbiddenLetters(
  letters: readonly SinkLetter[],
  { rows, logs, committed, merged, firstNotSetAside }: PlacesOptions,
): Promise<ReadonlyMap<SinkLetter, string>> {
  const forbidden = new Map<SinkLetter, string>();
  const gaps = new Map<number, OffsetSpan>();
  const last: SinkLetter[] = [];
  for (const letter of letters) {
    const { partition } = letter;
    const log = logs.get(partition);
    if (log === undefined) continue;
    const resumed = async (of: TableRows) => {
      const [next, passed] = [await resumeOffset(of, partition, log), merged.get(partition) ?? 0n];
      return next < passed ? passed : next;
    };
    const from = await resumed(rows);
    const lifted = await resumed(withRow(rows, letter, log.topicId));
    if (lifted === from) continue;
    const offset = BigInt(letter.offset);
    if (lifted < from || (committed.get(partition)?.offset ?? -1n) <= offset) {
      forbidden.set(letter, notPassed);
      continue;
    }
    last.push(letter);
    const known = gaps.get(partition)?.to ?? from;
    gaps.set(partition, { from, to: offset > known ? offset : known });
  }
  const first = last.length === 0 ? new Map<number, bigint>() : await firstNotSetAside(gaps);
  for (const letter of last) {
    if ((first.get(letter.partition) ?? -1n) < BigInt(letter.offset)) forbidden.set(letter, notCaughtUp);
  }
  return forbidden;
}

/** The same with the row of the letter. */
function withRow(
  rows: TableRows,
  { partition, offset, timestampMs }: SinkLetter,
  topicId: bigint,
): TableRows {
  const row = { offset: BigInt(offset), timeMs: BigInt(timestampMs) };
  const beside = rows.find((known) => known.partition === partition && known.topicId === topicId);
  if (beside === undefined) return [...rows, { partition, topicId, newest: row, highest: row }];
  const { newest, highest } = beside;
  const isNewest = row.timeMs > newest.timeMs || (row.timeMs === newest.timeMs && row.offset > newest.offset);
  const changed = {
    ...beside,
    newest: isNewest ? row : newest,
    highest: row.offset > highest.offset ? row : highest,
  };
  return rows.map((known) => (known === beside ? changed : known));
}

/** What {@link forbiddenLetters} has to know of Kafka. @throws ServiceUnavailableError, ServiceRefusedError */
export async function readPlaces(
  admin: Admin,
  settings: Settings,
  topic: string,
  waiting: readonly SinkLetter[],
  signal: AbortSignal,
): Promise<Omit<PlacesOptions, 'rows' | 'merged'>> {
  const ask = adminAsker(settings.kafka, admin, signal);
  if (!(await ask((asked) => asked.listTopics())).includes(topic))
    return { logs: new Map(), committed: new Map(), firstNotSetAside: () => Promise.resolve(new Map()) };
  const groupId = sinkGroupOf(settings);
  const [group] = await ask((asked) => asked.fetchOffsets({ groupId, topics: [topic] }));
  return {
    logs: await readPartitionLogs(ask, topic),
    committed: new Map(
      group?.partitions.map(({ partition, offset, metadata }) => [
        partition,
        { offset: BigInt(offset), metadata: metadata ?? '' },
      ]),
    ),
    firstNotSetAside: async (gaps) => {
      const setAside = new Set(
        waiting.map((letter) => placeOf(letter.partition, letter.offset, letter.timestampMs)),
      );
      const first = new Map([...gaps].map(([partition, { to }]) => [partition, to]));
      if ([...gaps.values()].every(({ from, to }) => from >= to)) return first;
      await readTopics(
        admin,
        settings,
        new Map([
          [
            topic,
            ({ offset: text, timestamp }, partition) => {
              const offset = BigInt(text);
              const gap = gaps.get(partition);
              if (gap === undefined || offset < gap.from || offset >= (first.get(partition) ?? gap.to))
                return;
              if (!setAside.has(placeOf(partition, text, messageTimeMs(timestamp))))
                first.set(partition, offset);
            },
          ],
        ]),
        signal,
      );
      return first;
    },
  };
}

function placeOf(partition: number, offset: string | number, timeMs: number): string {
  return `${partition}/${offset}@${timeMs}`;
}
