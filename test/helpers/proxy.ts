import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/**
 * A proxy between a client and a service: the service can become unavailable for that client alone.
 */
export interface Proxy {
  /** The service's address through the proxy. */
  readonly url: string;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Accepts connections and data, but forwards nothing in either direction. */
  hang(): void;
  /** Forwards data again. Connections that hung are ended, and their data is lost. */
  restore(): void;
  /** The number of connections that the proxy has accepted so far. */
  readonly connections: number;
  /** The number of connections that the proxy has refused so far because it was cut. */
  readonly refused: number;
}

export async function createProxy(t: TestContext, target: string): Promise<Proxy> {
  const { hostname, port, pathname } = new URL(target);
  const sockets = new Set<Socket>();
  let mode: 'open' | 'cut' | 'hung' = 'open';
  let connections = 0;
  let refused = 0;
  const server = createServer((client) => {
    sockets.add(client);
    client.once('close', () => sockets.delete(client)).on('error', () => client.destroy());
    if (mode === 'cut') {
      refused++;
      client.destroy();
      return;
    }
    connections++;
    const service = connect(Number(port), hostname);
    sockets.add(service);
    service.once('close', () => sockets.delete(service)).on('error', () => service.destroy());
    for (const [from, to] of [
      [client, service],
      [service, client],
    ] as const) {
      from.on('data', (bytes) => {
        if (mode === 'open') to.write(bytes);
      });
      from.once('close', () => to.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endAll = () => sockets.forEach((socket) => socket.destroy());
  t.after(() => {
    endAll();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    get connections() {
      return connections;
    },
    get refused() {
      return refused;
    },
    cut: () => {
      mode = 'cut';
      endAll();
    },
    hang: () => {
      mode = 'hung';
    },
    restore: () => {
      if (mode === 'hung') endAll();
      mode = 'open';
    },
  };
}
