import { logger } from '../../core/logger.ts';

/** Logs one line when a service goes down and one when it is back, however many streams wait. */
export class Outages {
  readonly #outages = new Map<string, { readonly sinceMs: number; readonly streams: Set<string> }>();

  /** A service that is down; undefined if none is. */
  get missing(): string | undefined {
    const [service] = this.#outages.keys();
    return service;
  }

  /** Records that a stream is waiting for a service. @param reason logged if the outage is new. */
  begin(service: string, stream: string, reason: string): void {
    const outage = this.#outages.get(service);
    if (outage !== undefined) {
      outage.streams.add(stream);
      return;
    }
    const sinceMs = Date.now();
    this.#outages.set(service, { sinceMs, streams: new Set([stream]) });
    logger.warn({ reason }, `${service} is unavailable: retrying until it responds`);
  }

  /** Records that a stream has received a response. The outage ends once no stream is waiting. */
  end(stream: string): void {
    for (const [service, { sinceMs, streams }] of this.#outages) {
      if (!streams.delete(stream) || streams.size > 0) continue;
      this.#outages.delete(service);
      logger.info({ seconds: Math.round((Date.now() - sinceMs) / 1000) }, `${service} is available again`);
    }
  }
}
