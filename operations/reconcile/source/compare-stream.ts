import { isJsonObject } from '../../../core/json.ts';
import { logger } from '../../../core/logger.ts';
import { TimeSlice } from '../../../core/time-slice.ts';
import { subjectOf, topicOf } from '../../../core/stream-name.ts';
import { readTopics, type MessageHandler } from '../../../core/kafka/topic-reader.ts';
import { RecordEncoder } from '../../../producers/encode/record-encoder.ts';
import { prove } from '../../../producers/state/delete-proof.ts';
import type { SourceConnections } from '../../../producers/run/source-connections.ts';
import { identify } from '../../../producers/state/identify.ts';
import type { KeyTable } from '../../../producers/state/key-table.ts';
import { SourceDiff } from './source-diff.ts';
import { isMetricAskedFor } from '../../../producers/chartmogul/metrics.ts';
import type { Page } from '../../../producers/chartmogul/source-list.ts';
import { readStream } from '../../../producers/chartmogul/stream-reader.ts';
import { isAbsence } from '../../../producers/chartmogul/stream-source.ts';
import type { StreamSpec } from '../../../producers/chartmogul/streams.ts';
import { hashIn } from '../../../producers/state/read-back.ts';
import { withSingleKey } from '../../../producers/encode/single-record.ts';
import { streamSchema } from '../../../producers/encode/stream-schema.ts';

/** The progress of reading the source for one stream. */
export interface SourceProgress {
  readonly stream: string;
  readonly pages: number;
  /** Number of records read. Counts each key once. */
  readonly records: number;
}

export interface CompareContext extends SourceConnections {
  /** Dead letters, pending or discarded. */
  readonly deadLetters: KeyTable;
  /** Dead letters that a user has discarded. */
  readonly discarded: KeyTable;
  /** The reason why a stream's topic is unreadable, by stream. */
  readonly unreadable: ReadonlyMap<string, Error>;
  /** Returns the keys of a parent stream in the source, after that stream has been read. */
  readonly parentsOf: (stream: string) => Promise<readonly string[]>;
  readonly onProgress: (progress: SourceProgress) => void;
}

/** Comparisons do not record visits, so their tokens do not matter. */
const NO_TOKEN = Buffer.alloc(0);
const visitTo = (parent: string) => ({ parent, token: NO_TOKEN });

/**
 * Reads a stream from the source and compares it with its topic. If they differ, reads the topic
 * again and compares with its new state. Writes nothing.
 * @param keys the keys on the topic; the comparison marks those that it has seen.
 * @param parents receives the keys of the records, if other streams have them as parents.
 */
export async function compareStream(
  context: CompareContext,
  spec: StreamSpec,
  keys: KeyTable,
  parents: string[] | undefined,
): Promise<SourceDiff> {
  const { settings, deadLetters, discarded } = context;
  const { metrics } = settings.produce;
  const isAskedFor = (key: string) => spec.metric === undefined || isMetricAskedFor(spec, metrics, key);
  const options = { stream: spec.name, keys, deadLetters, discarded, isAskedFor };
  let diff = new SourceDiff(options);
  await readSource(context, spec, keys, diff, parents);
  if (diff.counts.twice > 0) {
    // A row that moved while its list was being read may have appeared twice. In most cases, a
    // second reading lists it once.
    keys.unseeAll();
    parents?.splice(0);
    diff = new SourceDiff(options);
    await readSource(context, spec, keys, diff, parents);
  }
  if (!diff.isEqual) {
    await settle(context, spec.name, diff);
    await lookUpStrays(context, spec, diff);
  }
  return diff;
}

async function readSource(
  context: CompareContext,
  spec: StreamSpec,
  keys: KeyTable,
  diff: SourceDiff,
  parents: string[] | undefined,
): Promise<void> {
  const { settings, client, parentsOf, onProgress, signal } = context;
  const plan = {
    slices: new Map(),
    metrics: settings.produce.metrics,
    isHistoryKnown: () => false,
    settled: () => [],
    visits: async () => (spec.parent === undefined ? [] : (await parentsOf(spec.parent.stream)).map(visitTo)),
  };
  const mode = settings.produce.modes.get(spec.name) ?? 'evolve';
  let encoder: RecordEncoder | undefined;
  let pages = 0;
  // Denied records cannot be compared.
  const onDenied = (error: Error) => {
    throw error;
  };
  try {
    for await (const event of readStream({ client, spec, plan, observer: { onDenied } })) {
      if (event.kind !== 'page') continue;
      const slice = new TimeSlice();
      for (const entry of event.entries) {
        if (slice.isOver()) {
          await slice.next();
          signal.throwIfAborted();
        }
        encoder ??= await createEncoder(context, spec, event);
        const { key, hash } = identify(entry, event.list, encoder, { spec, mode, keys, isFull: false });
        if (diff.add(key, hash) && key !== undefined) parents?.push(key.value);
      }
      onProgress({ stream: spec.name, pages: ++pages, records: diff.records });
    }
  } catch (error) {
    // The account lacks the stream. With an empty topic, nothing is missing.
    if (!isAbsence(error) || pages > 0 || keys.size > 0) throw error;
    logger.warn({ stream: spec.name, reason: error.message }, 'absent from this account');
  }
}

/** Returns an encoder with the schema that a run would begin with. Registers nothing. */
async function createEncoder(
  { registry, settings }: CompareContext,
  spec: StreamSpec,
  { list, entries }: Page,
): Promise<RecordEncoder> {
  const latest = await registry.latest(subjectOf(settings.topicPrefix, spec.name));
  const records = entries.map(({ value }) => value).filter(isJsonObject);
  const sample = records.map((record) => withSingleKey(record, list, spec, undefined));
  return new RecordEncoder(streamSchema(spec, latest?.schema, sample));
}

/**
 * Reads the topic again, because a run may have sent more messages, and because the key table can
 * only count strays.
 */
async function settle({ settings, signal }: CompareContext, stream: string, diff: SourceDiff): Promise<void> {
  const handle: MessageHandler = ({ key, value, headers }) => {
    if (key !== null) diff.settle(key, value === null ? null : hashIn(headers));
  };
  await readTopics(settings, new Map([[topicOf(settings.topicPrefix, stream), handle]]), signal);
}

/**
 * Looks up strays by their own addresses, as a run of `produce` does: rows may move while a list is
 * being read, and some lists hide rows. Does not look them up if there are more than a thousand,
 * because that many cannot all be hidden.
 */
async function lookUpStrays(
  { client, registry }: CompareContext,
  { deletes }: StreamSpec,
  diff: SourceDiff,
): Promise<void> {
  if (deletes.proof !== 'look-up') return;
  const { path, query } = deletes;
  const unknown = { value: undefined, parent: undefined, isParentGone: false };
  const strays = (diff.strays() ?? []).map((key) => ({ key, ...unknown }));
  const proof = { proof: 'look-up', path, ...(query && { query }) } as const;
  const verdicts = await prove(proof, strays, { client, registry, observer: {}, missing: new Set() });
  for (const { key, verdict } of verdicts) if (verdict === 'there') diff.found(key);
}
