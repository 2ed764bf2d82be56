import { inspect } from 'node:util';
import { REDACTED, rememberSecret } from './redact.ts';

/**
 * A password or key that cannot be printed by accident: every way to text but `reveal()` gives `[secret]`, and no text of another
 * program shows it once it exists.
 */
export class Secret {
  readonly #value: string;

  /** @param sensitive what of the value must not be shown, such as the password in an address. */
  constructor(value: string, sensitive: readonly string[] = [value]) {
    this.#value = value;
    sensitive.forEach(rememberSecret);
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
