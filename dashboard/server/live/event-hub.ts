import type { ServerResponse } from 'node:http';

/** A client that does not read is dropped: its events would fill the memory. */
const MAX_WAITING_BYTES = 1024 * 1024;
const MAX_CLIENTS = 100;
/** Comments keep proxies from closing a quiet stream. */
const KEEP_ALIVE_MS = 15_000;

/** Sends server-sent events to every connected client. */
export class EventHub {
  readonly #clients = new Set<ServerResponse>();
  /** By event, the last data, which a new client gets at once. */
  readonly #last = new Map<string, string>();
  readonly #onBusy: () => () => void;
  #onIdle: (() => void) | undefined;
  #keepAlive: ReturnType<typeof setInterval> | undefined;

  /** @param onBusy called when the first client connects; what it returns, once the last has left. */
  constructor(onBusy: () => () => void) {
    this.#onBusy = onBusy;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** @returns false if there are too many clients. */
  add(client: ServerResponse): boolean {
    if (this.#clients.size >= MAX_CLIENTS) return false;
    client.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    client.write(': connected\n\n');
    for (const [event, data] of this.#last) client.write(frame(event, data));
    this.#clients.add(client);
    client.on('close', () => this.#remove(client));
    client.on('error', () => this.#remove(client));
    if (this.#clients.size === 1) {
      this.#onIdle = this.#onBusy();
      this.#keepAlive = setInterval(() => this.#write(': alive\n\n'), KEEP_ALIVE_MS);
    }
    return true;
  }

  /** @param isKept new clients get the last data of this event. */
  send(event: string, data: unknown, isKept = false): void {
    const text = JSON.stringify(data);
    if (isKept) this.#last.set(event, text);
    this.#write(frame(event, text));
  }

  #write(text: string): void {
    for (const client of this.#clients) {
      if (client.writableLength > MAX_WAITING_BYTES) client.destroy();
      else client.write(text);
    }
  }

  #remove(client: ServerResponse): void {
    if (!this.#clients.delete(client) || this.#clients.size > 0) return;
    clearInterval(this.#keepAlive);
    // Data of an earlier time would appear as current.
    this.#last.clear();
    this.#onIdle?.();
    this.#onIdle = undefined;
  }
}

function frame(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}
