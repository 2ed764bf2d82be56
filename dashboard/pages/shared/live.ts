import { useEffect, useState } from 'preact/hooks';

export type Connection = 'live' | 'connecting' | 'lost';

type Listener = (data: string) => void;

/** The page's only event stream, which is open only while the page is visible. */
class Live {
  #source: EventSource | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #connection: Connection = 'connecting';
  readonly #connectionListeners = new Set<(connection: Connection) => void>();
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor() {
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#close() : this.#open()));
    if (!document.hidden) this.#open();
  }

  get connection(): Connection {
    return this.#connection;
  }

  onConnection(listener: (connection: Connection) => void): () => void {
    this.#connectionListeners.add(listener);
    return () => this.#connectionListeners.delete(listener);
  }

  on(event: string, listener: Listener): () => void {
    const known = this.#listeners.get(event);
    if (known === undefined) this.#source?.addEventListener(event, this.#dispatch);
    const listeners = known ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  readonly #dispatch = (event: MessageEvent<string>): void => {
    for (const listener of this.#listeners.get(event.type) ?? []) listener(event.data);
  };

  #open(): void {
    if (this.#source !== undefined) return;
    const source = new EventSource('/api/events');
    source.onopen = () => this.#set('live');
    source.onerror = () => {
      this.#set('lost');
      // The browser reconnects automatically, unless it received a response that is not a stream.
      if (source.readyState !== EventSource.CLOSED) return;
      this.#source = undefined;
      this.#again = setTimeout(() => this.#open(), RECONNECT_MS);
    };
    for (const event of this.#listeners.keys()) source.addEventListener(event, this.#dispatch);
    this.#source = source;
  }

  #close(): void {
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = undefined;
    this.#set('connecting');
  }

  #set(connection: Connection): void {
    this.#connection = connection;
    for (const listener of this.#connectionListeners) listener(connection);
  }
}

const RECONNECT_MS = 5_000;

const live = new Live();

export function useConnection(): Connection {
  const [connection, setConnection] = useState(live.connection);
  useEffect(() => {
    setConnection(live.connection);
    return live.onConnection(setConnection);
  }, []);
  return connection;
}

/** Calls the listener with the data of each event of this name, such as `status`. */
export function onEvent(event: string, listener: (data: unknown) => void): () => void {
  return live.on(event, (data) => listener(JSON.parse(data)));
}
