import { hash as digestOf } from 'node:crypto';
import { RecordError } from '../../core/errors.ts';
import { isJsonObject, jsonText, type JsonValue } from '../../core/json.ts';
import { recordHash, type RecordHash } from './record-hash.ts';

/** Returns the hash of a list entry, or that of its field names if it is nested too deeply. */
export function hashOf(value: JsonValue): RecordHash {
  try {
    return recordHash(value);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return recordHash(textOf(value));
  }
}

/** Returns the JSON text of a list entry, or that of its field names if it is nested too deeply. */
export function textOf(value: JsonValue): string {
  try {
    return jsonText(value);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return JSON.stringify(isJsonObject(value) ? Object.keys(value) : []);
  }
}

/** A longer key is replaced by its digest, because a dead letter's key cannot be truncated. */
const MAX_KEY_BYTES = 8 * 1024;

/** Returns the key of a record on the dead-letter topic. The hash replaces an unusable key. */
export function deadLetterKeyOf(stream: string, key: string | undefined, hash: RecordHash): string {
  const isLong = key !== undefined && Buffer.byteLength(key) > MAX_KEY_BYTES;
  return `${stream}|${isLong ? digestOf('sha256', key) : (key ?? hash.toString('hex'))}`;
}
