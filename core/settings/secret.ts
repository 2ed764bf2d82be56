import { inspect } from 'node:util';
import { REDACTED, rememberSecret } from '../redact.ts';

/**
 * A password or key that cannot be printed by accident: every conversion to text except `reveal()`
 * returns `[secret]`. Its sensitive parts are also removed from foreign text.
 */
export class Secret {
  readonly #value: string;

  /** @param sensitive the parts that must stay hidden, such as the password in a URL. */
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

export interface Credentials {
  readonly username: string;
  readonly password: Secret;
}
