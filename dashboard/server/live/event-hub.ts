import type { ServerResponse } from 'node:http';

/** A client that does not read is dropped: its events would fill the memory. */
const MAX_WAITING_BYTES = 1024 * 1024;
const MAX_CLIENTS = 100;
/** Comments keep proxies from closing a quiet stream. */
const KEEP_ALIVE_MS = 15_000;
/**
 * The time for which the work continues without clients, so that a reloaded page finds current
 * data.
 */
const LINGER_MS = 15_000;
/** The maximum time for which the work runs without a client after the start. */
const WARM_UP_MS = 60_000;

interface Source {
  /**
   * Works until the signal aborts, which happens when no client has been connected for some time,
   * or when the hub closes.
   */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Returns the events that a new client receives immediately. */
  readonly greeting: () => readonly (readonly [event: string, data: unknown])[];
}

/** Sends the server-sent events of one source to every connected client. */
export class EventHub {
  readonly #clients = new Set<ServerResponse>();
  readonly #lingerMs: number;
  #source: Source | undefined;
  #running: AbortController | undefined;
  #run: Promise<void> = Promise.resolve();
  #linger: ReturnType<typeof setTimeout> | undefined;
  #keepAlive: ReturnType<typeof setInterval> | undefined;

  constructor(lingerMs = LINGER_MS) {
    this.#lingerMs = lingerMs;
  }

  /** Connects the source, which publishes with {@link send}. */
  connect(source: Source): void {
    this.#source = source;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** @returns false if there are too many clients. */
  add(client: ServerResponse): boolean {
    if (this.#clients.size >= MAX_CLIENTS) return false;
    client.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    client.write(': connected\n\n');
    for (const [event, data] of this.#source?.greeting() ?? []) client.write(frame(event, data));
    this.#clients.add(client);
    client.on('close', () => this.#remove(client));
    client.on('error', () => this.#remove(client));
    this.#start();
    return true;
  }

  send(event: string, data: unknown): void {
    this.#write(frame(event, data));
  }

  /** Starts the work before the first client connects, which then receives data immediately. */
  warmUp(): void {
    this.#start();
    this.#linger = setTimeout(() => this.#stop(), WARM_UP_MS);
  }

  /** Ends the streams and the work. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    this.#clients.clear();
    this.#stop();
    await this.#run;
  }

  #start(): void {
    clearTimeout(this.#linger);
    this.#keepAlive ??= setInterval(() => this.#write(': alive\n\n'), KEEP_ALIVE_MS);
    if (this.#running !== undefined) return;
    const running = new AbortController();
    this.#running = running;
    // The previous work may still be closing its connections.
    this.#run = this.#run.then(() => this.#source?.run(running.signal));
  }

  #stop(): void {
    clearTimeout(this.#linger);
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    this.#running?.abort(new Error('no client is connected'));
    this.#running = undefined;
  }

  #write(text: string): void {
    for (const client of this.#clients) {
      if (client.writableLength > MAX_WAITING_BYTES) client.destroy();
      else client.write(text);
    }
  }

  #remove(client: ServerResponse): void {
    if (!this.#clients.delete(client) || this.#clients.size > 0) return;
    this.#linger = setTimeout(() => this.#stop(), this.#lingerMs);
  }
}

function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
