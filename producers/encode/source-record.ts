import { hash as digestOf } from 'node:crypto';
import { RecordError } from '../../core/errors.ts';
import { isJsonObject, jsonText, type JsonValue } from '../../core/json.ts';
import { recordHash, type RecordHash } from './record-hash.ts';

/** The hash by which an entry of a list is known. A record nested too deeply is told by its keys. */
export function hashOf(value: JsonValue): RecordHash {
  try {
    return recordHash(value);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return recordHash(textOf(value));
  }
}

/** A record nested too deeply for its text to be made leaves its keys at least. */
export function textOf(value: JsonValue): string {
  try {
    return jsonText(value);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return JSON.stringify(isJsonObject(value) ? Object.keys(value) : []);
  }
}

/** Longer ones are told by their digest: a letter can be cut, but not its key. */
const MAX_KEY_BYTES = 8 * 1024;

/** The key of a record on the topic of dead letters; one without a usable key of its own is told by its hash. */
export function letterKeyOf(stream: string, key: string | undefined, hash: RecordHash): string {
  const isLong = key !== undefined && Buffer.byteLength(key) > MAX_KEY_BYTES;
  return `${stream}|${isLong ? digestOf('sha256', key) : (key ?? hash.toString('hex'))}`;
}
