import type { KafkaAdmin } from '../../../core/kafka/admin.ts';
import type { Registry } from '../../../core/avro/registry.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { isJsonObject } from '../../../core/json.ts';
import { logger } from '../../../core/logger.ts';
import { TimeSlice } from '../../../core/time-slice.ts';
import { subjectOf, topicOf } from '../../../core/stream-name.ts';
import { readTopics, type MessageHandler } from '../../../core/kafka/topic-reader.ts';
import { RecordEncoder } from '../../../producers/encode/record-encoder.ts';
import { prove } from '../../../producers/state/delete-proof.ts';
import { identify } from '../../../producers/state/identify.ts';
import type { KeyTable } from '../../../producers/state/key-table.ts';
import { SourceDiff } from './source-diff.ts';
import type { ChartMogulClient } from '../../../producers/chartmogul/client.ts';
import { isMetricAskedFor } from '../../../producers/chartmogul/metrics.ts';
import type { Page, Visit } from '../../../producers/chartmogul/source-list.ts';
import { readStream } from '../../../producers/chartmogul/stream-reader.ts';
import { isAbsence } from '../../../producers/chartmogul/stream-source.ts';
import type { StreamSpec } from '../../../producers/chartmogul/streams.ts';
import { hashIn } from '../../../producers/state/read-back.ts';
import { withSingleKey } from '../../../producers/encode/single-record.ts';
import { streamSchema } from '../../../producers/encode/stream-schema.ts';

/** How far the source has been read for one stream. */
export interface SourceProgress {
  readonly stream: string;
  readonly pages: number;
  /** Each key once. */
  readonly records: number;
}

/** What the streams of a comparison share. */
export interface CompareContext {
  readonly settings: Settings;
  readonly client: ChartMogulClient;
  readonly registry: Registry;
  readonly admin: KafkaAdmin;
  /** Records that stand on the topic of dead letters. */
  readonly deadLetters: KeyTable;
  readonly discarded: KeyTable;
  /** By stream, why its topic is unreadable. */
  readonly unreadable: ReadonlyMap<string, Error>;
  /** The keys that the source has of a stream of parents, once it has been read. */
  readonly parentsOf: (stream: string) => Promise<readonly string[]>;
  readonly onProgress: (progress: SourceProgress) => void;
  readonly signal: AbortSignal;
}

/** A visit is told by its parent here: nothing is recorded of it. */
const NO_TOKEN = Buffer.alloc(0);

/**
 * Reads a stream whole from the source and compares it with what its topic holds; where they differ, with what the topic holds
 * by then. Writes nothing.
 *
 * @param keys what the topic holds; the comparison marks in it what it has met.
 * @param parents gets the keys of the records, where other streams have them as parents.
 * @throws what reading the source, the registry and the topic throws.
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
    // A row that moved while its list was read stood there twice; a second reading shows it once.
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
    visits: async () => visitsTo(spec.parent === undefined ? [] : await parentsOf(spec.parent.stream)),
  };
  const mode = settings.produce.modes.get(spec.name) ?? 'evolve';
  let encoder: RecordEncoder | undefined;
  let pages = 0;
  // Records that are denied cannot be compared.
  const onDenied = (error: Error) => {
    throw error;
  };
  try {
    for await (const event of readStream(client, spec, plan, { onDenied })) {
      if (event.kind !== 'page') continue;
      const slice = new TimeSlice();
      for (const record of event.records) {
        if (slice.isOver()) {
          await slice.next();
          signal.throwIfAborted();
        }
        encoder ??= await createEncoder(context, spec, event);
        const { key, hash } = identify(record, event.list, encoder, { spec, mode, keys, isFull: false });
        if (diff.add(key, hash) && key !== undefined) parents?.push(key.value);
      }
      onProgress({ stream: spec.name, pages: ++pages, records: diff.records });
    }
  } catch (error) {
    // The account lacks the stream. If the topic is empty too, nothing is missing.
    if (!isAbsence(error) || pages > 0 || keys.size > 0) throw error;
    logger.warn({ stream: spec.name, reason: error.message }, 'absent from this account');
  }
}

/** Returns an encoder with the schema that a run would begin with. Registers nothing. */
async function createEncoder(
  { registry, settings }: CompareContext,
  spec: StreamSpec,
  { list, records }: Page,
): Promise<RecordEncoder> {
  const latest = await registry.latest(subjectOf(settings.topicPrefix, spec.name));
  const sample = records.filter(isJsonObject).map((record) => withSingleKey(record, list, spec, undefined));
  return new RecordEncoder(streamSchema(spec, latest?.schema, sample));
}

function* visitsTo(parents: readonly string[]): Generator<Visit> {
  for (const parent of parents) yield { parent, token: NO_TOKEN };
}

/** A run of `produce` may have gone on meanwhile; and the key table knows that there are strays, not which. */
async function settle(
  { admin, settings, signal }: CompareContext,
  stream: string,
  diff: SourceDiff,
): Promise<void> {
  const handle: MessageHandler = ({ key, value, headers }) => {
    if (key !== null) diff.settle(key, value === null ? null : hashIn(headers));
  };
  await readTopics(admin, settings, new Map([[topicOf(settings.topicPrefix, stream), handle]]), signal);
}

/**
 * Rows move while a list is read, and some lists hide rows: as in a run of `produce`, what has an address of its own and answers
 * there is in the source. More than a thousand have not just slipped through.
 */
async function lookUpStrays(
  { client, registry }: CompareContext,
  { deletes }: StreamSpec,
  diff: SourceDiff,
): Promise<void> {
  if (deletes.proof !== 'look-up') return;
  const { path, query } = deletes;
  const strays = (diff.strays() ?? []).map((key) => ({
    key,
    value: undefined,
    parent: undefined,
    isParentGone: false,
  }));
  const proof = { proof: 'look-up', path, ...(query && { query }) } as const;
  const verdicts = await prove(proof, strays, { client, registry, observer: {}, missing: new Set() });
  for (const { key, verdict } of verdicts) if (verdict === 'there') diff.found(key);
}
