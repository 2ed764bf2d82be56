import { logger } from '../../core/logger.ts';

const MINUTE_MS = 60_000;
export const MAX_FAILURES = 10;
/** Beyond this number, the oldest addresses are forgotten. */
const MAX_ADDRESSES = 10_000;

/** Counts wrong passwords by address, so that nobody can try thousands per second. */
export class LoginAttempts {
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; untilMs: number }>();
  #unreported = 0;
  #reportedMs = -Infinity;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Returns whether an address must wait, even with the correct password. */
  isBlocked(address: string): boolean {
    const known = this.#failures.get(networkOf(address));
    return known !== undefined && known.count >= MAX_FAILURES && known.untilMs > this.#now();
  }

  /** Counts a wrong password. Logs at most one line a minute. */
  fail(address: string): void {
    const now = this.#now();
    const network = networkOf(address);
    const known = this.#failures.get(network);
    const count = known === undefined || known.untilMs <= now ? 1 : known.count + 1;
    // The last allowed failure starts the wait.
    const untilMs = count === 1 || count >= MAX_FAILURES ? now + MINUTE_MS : (known?.untilMs ?? now);
    this.#failures.delete(network);
    this.#failures.set(network, { count, untilMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest);
    this.#unreported += 1;
    if (now - this.#reportedMs < MINUTE_MS) return;
    logger.warn({ address, attempts: this.#unreported }, 'wrong dashboard password');
    this.#unreported = 0;
    this.#reportedMs = now;
  }
}

/**
 * Returns an IPv4 address without its IPv6 prefix, if any, or the /64 network of an IPv6 address: a
 * client has 2^64 addresses in its network.
 */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = [], tail] = address
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(Math.max(0, zeros)).fill('0'), ...(tail ?? [])].slice(0, 4).join(':');
}
