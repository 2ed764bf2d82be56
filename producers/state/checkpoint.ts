import { isJsonObject, parseJson, type JsonValue } from '../../core/json.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import type { ListProgress } from '../chartmogul/source-list.ts';
import type { Message } from '../encode/message.ts';

/**
 * The durable progress of a stream, stored on the topic `checkpoints` with the stream's name as the
 * key.
 */
export interface Checkpoint {
  readonly run: string;
  readonly startedAtMs: number;
  readonly isFull: boolean;
  /** Whether the run has read everything and sent every delete. */
  readonly isComplete: boolean;
  /** Number and start of the current full refresh, in which every parent is visited once. */
  readonly round: number;
  readonly roundAtMs: number;
  /** Pages and records of this run so far. */
  readonly pages: number;
  readonly records: number;
  /** Pages of the last complete run, used to estimate progress. */
  readonly expectedPages: number | undefined;
  readonly slices: ReadonlyMap<string, ListProgress>;
}

/**
 * Keys on the topic `checkpoints`: for a stream, for a visited parent, for a key that was missed
 * once.
 */
export const checkpointKey = {
  ofStream: (stream: string) => stream,
  ofVisit: (stream: string, parent: string) => `${stream}|visit|${parent}`,
  ofMissing: (stream: string, key: string) => `${stream}|missing|${key}`,
};

/** Parses a key of the topic `checkpoints`. Returns undefined for any other key. */
export function parseCheckpointKey(
  key: string,
): { stream: string; kind: 'stream' | 'visit' | 'missing'; subject: string } | undefined {
  const match = /^([a-z][a-z0-9_]*)(?:\|(visit|missing)\|(.*))?$/s.exec(key);
  if (match?.[1] === undefined) return undefined;
  const kind = match[2] === 'visit' || match[2] === 'missing' ? match[2] : 'stream';
  return { stream: match[1], kind, subject: match[3] ?? '' };
}

export function checkpointMessage(stream: string, checkpoint: Checkpoint): Message {
  const slices = [...checkpoint.slices].map(([id, { path, query, next, pages, isDone }]) => {
    return { id, path, query, next, pages, isDone };
  });
  const value = Buffer.from(JSON.stringify({ ...checkpoint, slices }));
  return { key: checkpointKey.ofStream(stream), value };
}

/**
 * Returns the checkpoint of a visit. The value is only the token, because every parent has such a
 * message.
 */
export function visitMessage(stream: string, parent: string, token: RecordHash | null): Message {
  return { key: checkpointKey.ofVisit(stream, parent), value: token };
}

/** Returns the message that records a key as missing, or a tombstone if it is no longer missing. */
export function missingMessage(stream: string, key: string, isMissing: boolean): Message {
  return { key: checkpointKey.ofMissing(stream, key), value: isMissing ? Buffer.from('1') : null };
}

/** Returns undefined for text in any other format. The stream is then read from its start. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(json)) return undefined;
  const { run, startedAtMs, isFull, isComplete, round, roundAtMs, pages, records, expectedPages } = json;
  const slices = parseSlices(json['slices']);
  if (slices === undefined || typeof run !== 'string') return undefined;
  if (typeof isFull !== 'boolean' || typeof isComplete !== 'boolean') return undefined;
  if (!isCount(startedAtMs) || !isCount(round) || !isCount(roundAtMs)) return undefined;
  if (!isCount(pages) || !isCount(records)) return undefined;
  const progress = { pages, records, expectedPages: isCount(expectedPages) ? expectedPages : undefined };
  return { run, startedAtMs, isFull, isComplete, round, roundAtMs, ...progress, slices };
}

function parseSlices(list: JsonValue | undefined): Map<string, ListProgress> | undefined {
  if (!Array.isArray(list)) return undefined;
  const slices = new Map<string, ListProgress>();
  for (const entry of list) {
    if (!isJsonObject(entry)) return undefined;
    const { id, path, query, next, pages, isDone } = entry;
    if (typeof id !== 'string' || typeof path !== 'string' || typeof isDone !== 'boolean') return undefined;
    if (!isCount(pages) || !isQuery(query) || (next !== undefined && !isQuery(next))) return undefined;
    slices.set(id, { path, query, next, pages, isDone });
  }
  return slices;
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isQuery(value: JsonValue | undefined): value is Record<string, string | number | boolean> {
  return (
    isJsonObject(value) &&
    Object.values(value).every((part) => ['string', 'number', 'boolean'].includes(typeof part))
  );
}
