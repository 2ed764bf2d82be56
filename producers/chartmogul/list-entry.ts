import { hash } from 'node:crypto';
import { parseJson, type JsonValue } from '../../core/json.ts';
import { HashedKey } from '../encode/hashed-key.ts';
import type { RecordSpan } from './find-records.ts';

/** 64 bits of the SHA-256 of a record's JSON text, one byte per character. */
export type TextHash = string;

/**
 * An entry of a list. It may be any JSON value, because the server is not trusted. If only its text
 * is known, the value is parsed on first use.
 */
export class ListEntry {
  readonly text: EntryText | undefined;
  #value: JsonValue | undefined;

  /** @param value undefined to parse the text on first use; the text must then be JSON. */
  constructor(value: JsonValue | undefined, text?: EntryText) {
    this.#value = value;
    this.text = text;
  }

  get isParsed(): boolean {
    return this.#value !== undefined;
  }

  get value(): JsonValue {
    return (this.#value ??= this.text?.parse() ?? null);
  }
}

/** The JSON text of a record with a key. */
export class EntryText {
  readonly key: HashedKey<string>;
  readonly hash: TextHash;
  readonly #bytes: Buffer;
  readonly #mayRound: boolean;

  constructor(page: Buffer, { start, end, mayRound }: RecordSpan, key: string) {
    this.#bytes = page.subarray(start, end);
    this.#mayRound = mayRound;
    this.key = new HashedKey(key);
    this.hash = hash('sha256', this.#bytes, 'binary').slice(0, 8);
  }

  /** @throws SyntaxError */
  parse(): JsonValue {
    return parseText(this.#bytes, this.#mayRound);
  }
}

/** @throws SyntaxError */
export function parseText(bytes: Buffer, mayRound: boolean): JsonValue {
  const text = bytes.toString('utf8');
  return mayRound ? parseJson(text) : (JSON.parse(text) as JsonValue);
}
