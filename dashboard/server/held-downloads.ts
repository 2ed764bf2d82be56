import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ServiceUnavailableError } from '../../core/errors.ts';

export interface HeldDownload {
  readonly stream: Readable;
  readonly fileName: string;
}

const HOLD_MS = 20_000;
/**
 * Half of the connections to ClickHouse: a slow browser may occupy a connection for a long time.
 */
const MAX_DOWNLOADS = 8;

/**
 * Results that wait for the browser to fetch them. A browser streams only the response to a GET to
 * disk, but a GET must not run a query, because a link on any web page can trigger it.
 */
export class HeldDownloads {
  readonly #held = new Map<string, HeldDownload & { readonly timer: ReturnType<typeof setTimeout> }>();
  /** Streams that wait or are being sent. */
  readonly #open = new Set<Readable>();

  /** @throws ServiceUnavailableError if no further download may start. */
  requireRoom(): void {
    if (this.#open.size >= MAX_DOWNLOADS)
      throw new ServiceUnavailableError(
        `${MAX_DOWNLOADS} downloads are running; wait until one has ended, or cancel it`,
      );
  }

  /**
   * @returns the id with which the download can be taken once.
   * @throws ServiceUnavailableError if too many downloads are open. The stream is then destroyed.
   */
  hold(download: HeldDownload): string {
    const { stream } = download;
    try {
      this.requireRoom();
    } catch (error) {
      stream.destroy();
      throw error;
    }
    this.#open.add(stream);
    const id = randomBytes(24).toString('base64url');
    const timer = setTimeout(() => this.take(id)?.stream.destroy(), HOLD_MS);
    this.#held.set(id, { ...download, timer });
    // A stream that fails while it waits must not end the process.
    stream.once('error', () => this.take(id));
    stream.once('close', () => this.#open.delete(stream));
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
