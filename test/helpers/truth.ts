import assert from 'node:assert/strict';
import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { FRAME_BYTES, schemaIdOf } from '../../core/avro/wire-format.ts';
import type { Settings } from '../../core/settings/config.ts';
import { parseJson, type JsonObject } from '../../core/json.ts';
import { KeyReader } from '../../producers/encode/key-of.ts';
import { RecordEncoder } from '../../producers/encode/record-encoder.ts';
import { toJson } from '../../simulator/data/rendered.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import type { Committed } from './committed.ts';
import { noSignal } from './settings.ts';

export type Truth = ReadonlyMap<string, JsonObject>;

/** Returns the current records of a stream in the simulator, by key. */
export function truthOf(simulator: Simulator, stream: string): Truth {
  const keys = new KeyReader(readStreamSchema(stream));
  const truth = new Map<string, JsonObject>();
  for (const rendered of simulator.truth(stream)) {
    const record = parseJson(toJson(rendered)) as JsonObject;
    truth.set(keys.keyOf(record), record);
  }
  return truth;
}

/**
 * Asserts that the live messages of a stream equal the expected records: key by key and, if the
 * expected records contain all optional parts that the producer requests, byte by byte. If a stream
 * is not read completely in every run, a value may also be one of `earlier`. The producer requests
 * metrics for a different period, so a metrics stream is only required to have live messages.
 */
export async function assertTruth(
  settings: Settings,
  stream: string,
  live: ReadonlyMap<string, Committed>,
  truth: Truth,
  earlier?: Truth,
): Promise<void> {
  if (stream.startsWith('metrics_')) {
    assert.ok(live.size > 0, `${stream} has no live messages`);
    return;
  }
  assert.deepEqual(
    [...live.keys()].sort(),
    [...truth.keys()].sort(),
    `${stream} has different keys than the source`,
  );
  if (/^(account|data_sources)$/.test(stream)) return;
  const registry = new Registry(settings.schemaRegistry, noSignal);
  const encoders = new Map<number, RecordEncoder>();
  for (const [key, record] of truth) {
    const value = live.get(key)?.value ?? Buffer.alloc(0);
    const id = schemaIdOf(value);
    const encoder = encoders.get(id) ?? new RecordEncoder(await registry.schemaById(id));
    encoders.set(id, encoder);
    const old = earlier?.get(key);
    const isRight =
      isEncoded(encoder, record, value) || (old !== undefined && isEncoded(encoder, old, value));
    assert.ok(isRight, `${stream} ${key} has a different value than the source`);
  }
}

function isEncoded(encoder: RecordEncoder, record: JsonObject, value: Buffer): boolean {
  const encoded = encoder.encode(record);
  if (encoded.drifts !== undefined) return false;
  const wanted = Buffer.alloc(encoded.avro.length);
  encoded.avro.copyTo(wanted, 0);
  return wanted.equals(value.subarray(FRAME_BYTES));
}
