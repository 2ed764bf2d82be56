import { isJsonObject, parseJson, type JsonValue } from '../../core/json.ts';
import { parseInstant } from '../../producers/encode/instant.ts';

/** The values that a field of an import record may have. */
export interface FieldRule {
  /** Completes "must be", such as `a date such as 2026-01-31`. */
  readonly rule: string;
  readonly isValid: (value: JsonValue) => boolean;
  /** Converts a CSV cell. Text that cannot be converted stays text, which the rule rejects. */
  readonly ofCell: (cell: string) => JsonValue;
  /** Whether a message may show a wrong value. Personal data is never shown. */
  readonly isShown: boolean;
}

const asText = (cell: string): JsonValue => cell;
const asInteger = (cell: string): JsonValue => (/^-?\d{1,15}$/.test(cell) ? Number(cell) : cell);

/** Text that is not blank, and has no control characters except line breaks and tabs. */
export const text: FieldRule = {
  rule: 'text that is not blank',
  isValid: (value) =>
    typeof value === 'string' &&
    value.trim() !== '' &&
    !/[^\P{Cc}\n\r\t]/u.test(value) &&
    isWellFormed(value),
  ofCell: asText,
  isShown: false,
};

/** An identifier. A space at either end is almost always a mistake made by an export. */
export const id: FieldRule = {
  rule: 'text without leading or trailing spaces',
  isValid: (value) => text.isValid(value) && typeof value === 'string' && value === value.trim(),
  ofCell: asText,
  isShown: false,
};

export const email: FieldRule = {
  rule: 'an e-mail address',
  isValid: (value) => typeof value === 'string' && /^[^\s@]+@[^\s@]+$/.test(value) && text.isValid(value),
  ofCell: asText,
  isShown: false,
};

/** An exact amount of money, in the smallest unit of its currency. */
export const cents: FieldRule = {
  rule: 'an integer, in cents',
  isValid: (value) => Number.isSafeInteger(value),
  ofCell: asInteger,
  isShown: true,
};

export const integer: FieldRule = { ...cents, rule: 'an integer' };

export const positive: FieldRule = {
  ...integer,
  rule: 'an integer of at least 1',
  isValid: (value) => Number.isSafeInteger(value) && Number(value) >= 1,
};

export const instant: FieldRule = {
  rule: 'a date such as 2026-01-31, or a time such as 2026-01-31 21:37:00',
  isValid: (value) => typeof value === 'string' && parseInstant(value) !== undefined,
  ofCell: asText,
  isShown: true,
};

const currencies = new Set(Intl.supportedValuesOf('currency'));

export const currency: FieldRule = {
  rule: 'an ISO 4217 code in upper case, such as EUR',
  isValid: (value) => typeof value === 'string' && currencies.has(value),
  ofCell: asText,
  isShown: true,
};

export const country: FieldRule = {
  rule: 'a two-letter ISO 3166 code in upper case, such as DE',
  isValid: (value) => typeof value === 'string' && /^[A-Z]{2}$/.test(value),
  ofCell: asText,
  isShown: true,
};

export const boolean: FieldRule = {
  rule: 'true or false',
  isValid: (value) => typeof value === 'boolean',
  ofCell: (cell) => (cell === 'true' || cell === 'false' ? cell === 'true' : cell),
  isShown: true,
};

/** Tags and custom attributes of a customer; in a CSV file, as JSON. */
export const attributes: FieldRule = {
  rule: 'a JSON object with a "tags" list, a "custom" list, or both',
  isValid: (value) =>
    isJsonObject(value) &&
    Object.entries(value).every(
      ([name, list]) =>
        Array.isArray(list) &&
        ((name === 'tags' && list.every((tag) => text.isValid(tag))) ||
          (name === 'custom' &&
            list.every((item) => isJsonObject(item) && text.isValid(item['key'] ?? null)))),
    ),
  ofCell: (cell) => {
    try {
      return parseJson(cell);
    } catch {
      return cell;
    }
  },
  isShown: false,
};

export function oneOf(...choices: readonly string[]): FieldRule {
  return {
    rule: `one of ${choices.join(', ')}`,
    isValid: (value) => typeof value === 'string' && choices.includes(value),
    ofCell: asText,
    isShown: true,
  };
}

function isWellFormed(value: string): boolean {
  return value.isWellFormed();
}
