import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ServiceRefusedError } from '../../core/errors.ts';

export interface HeldDownload {
  readonly stream: Readable;
  readonly fileName: string;
}

const HOLD_MS = 20_000;
const MAX_HELD = 8;

/**
 * Results that wait for the browser to fetch them. A browser streams only a GET to disk, but a GET
 * must not run a query: other programs can cause one.
 */
export class HeldDownloads {
  readonly #held = new Map<string, HeldDownload & { readonly timer: ReturnType<typeof setTimeout> }>();

  /** @returns the id by which it can be taken once. */
  hold(download: HeldDownload): string {
    if (this.#held.size >= MAX_HELD) {
      download.stream.destroy();
      throw new ServiceRefusedError('too many downloads wait for their browser; try again in a minute');
    }
    const id = randomBytes(24).toString('base64url');
    const timer = setTimeout(() => this.take(id)?.stream.destroy(), HOLD_MS);
    this.#held.set(id, { ...download, timer });
    // A stream that fails while it waits must not end the process.
    download.stream.once('error', () => this.take(id));
    return id;
  }

  take(id: string): HeldDownload | undefined {
    const held = this.#held.get(id);
    clearTimeout(held?.timer);
    this.#held.delete(id);
    return held;
  }

  clear(): void {
    for (const id of [...this.#held.keys()]) this.take(id)?.stream.destroy();
  }
}
