import pLimit from 'p-limit';
import type { Registry } from '../../core/avro/registry.ts';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { AccessDeniedError, RequestRefusedError, StreamNotFoundError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import { RecordDecoder } from '../encode/record-decoder.ts';
import { addressOf } from '../chartmogul/address.ts';
import type { ChartMogulClient, RequestObserver } from '../chartmogul/client.ts';
import { listWithin } from '../chartmogul/list.ts';
import type { DeleteProof, MergeLookup } from '../chartmogul/streams.ts';
import type { Vanished } from './vanished.ts';

const CONCURRENT_LOOKUPS = 16;

export interface Verdict {
  readonly key: string;
  readonly parent: string | undefined;
  /** `missing`: not proved yet. The next complete run must also miss the key. */
  readonly verdict: 'gone' | 'there' | 'missing';
  /** Key of the record that the vanished record was merged into. */
  readonly mergedInto: string | undefined;
}

export interface ProofContext {
  readonly client: ChartMogulClient;
  readonly registry: Registry;
  readonly observer: RequestObserver;
  /** Keys that the last complete run did not see either. */
  readonly missing: ReadonlySet<string>;
}

/**
 * Decides which vanished records are gone.
 * @throws the errors of `get` except StreamNotFoundError and AccessDeniedError; the errors of the
 *   registry.
 */
export async function prove(
  proof: DeleteProof,
  vanished: readonly Vanished[],
  context: ProofContext,
): Promise<Verdict[]> {
  switch (proof.proof) {
    case 'none':
      return [];
    case 'single':
      return vanished.map((record) => verdictOn(record, 'gone'));
    case 'twice':
      return vanished.map((record) => missedTwice(record, context.missing));
    case 'look-up':
      return lookUp(proof, vanished, context);
  }
}

function verdictOn({ key, parent }: Vanished, verdict: Verdict['verdict'], mergedInto?: string): Verdict {
  return { key, parent, verdict, mergedInto };
}

function missedTwice(record: Vanished, missing: ReadonlySet<string>): Verdict {
  return verdictOn(record, record.isParentGone || missing.has(record.key) ? 'gone' : 'missing');
}

async function lookUp(
  proof: DeleteProof & { readonly proof: 'look-up' },
  vanished: readonly Vanished[],
  { client, registry, observer, missing }: ProofContext,
): Promise<Verdict[]> {
  const limit = pLimit(CONCURRENT_LOOKUPS);
  const decoders = new Map<number, RecordDecoder>();
  return limit.map(vanished, async (record) => {
    const path = addressOf(proof.path, 'key', record.key);
    // The key cannot be part of a URL, and the response of another address would prove nothing.
    if (path === undefined) return missedTwice(record, missing);
    try {
      await client.get(path, proof.query, observer);
      return verdictOn(record, 'there');
    } catch (error) {
      // A denied request does not prove that the record is gone.
      if (error instanceof AccessDeniedError) return verdictOn(record, 'missing');
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
    if (proof.mergedInto === undefined) return verdictOn(record, 'gone');
    const externalIds = await valuesOf(record, proof.mergedInto.field, registry, decoders);
    const mergedInto = await findMergedInto(client, proof.mergedInto, record.key, externalIds, observer);
    return verdictOn(record, 'gone', mergedInto);
  });
}

/** Returns the strings in one field of the record's last message. */
async function valuesOf(
  { value }: Vanished,
  field: string,
  registry: Registry,
  decoders: Map<number, RecordDecoder>,
): Promise<string[]> {
  if (value === undefined) return [];
  const id = schemaIdOf(value);
  const decoder = decoders.get(id) ?? new RecordDecoder(await registry.schemaById(id));
  decoders.set(id, decoder);
  const values = decoder.decode(value)[field];
  return Array.isArray(values) ? values.filter((text): text is string => typeof text === 'string') : [];
}

/**
 * Returns the key of the record that now has an external id of the vanished record, which shows
 * that the two were merged.
 */
async function findMergedInto(
  client: ChartMogulClient,
  { path, listKey, field, filter }: MergeLookup,
  key: string,
  externalIds: readonly string[],
  observer: RequestObserver,
): Promise<string | undefined> {
  for (const externalId of new Set(externalIds)) {
    try {
      const answer = await client.get(path, { [filter]: externalId }, observer);
      for (const record of listWithin(answer, listKey, path)) {
        if (!isJsonObject(record) || typeof record['uuid'] !== 'string' || record['uuid'] === key) continue;
        const theirs = record[field];
        if (Array.isArray(theirs) && theirs.includes(externalId)) return record['uuid'];
      }
    } catch (error) {
      if (!(error instanceof StreamNotFoundError) && !(error instanceof RequestRefusedError)) throw error;
    }
  }
  return undefined;
}
