import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createHttpServer, request as ask, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { connect, type AddressInfo, type Server } from 'node:net';
import type { TestContext } from 'node:test';
import type { Certificate } from './certificates.ts';

/** A TLS server in front of a server without TLS, as companies deploy it. */
export interface TlsFront {
  readonly port: number;
  /** `METHOD path` of each request that was forwarded. */
  readonly requests: string[];
}

async function listen(t: TestContext, server: Server & { closeAllConnections(): void }): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Starts a server with TLS that forwards requests to the target.
 * @param login `user:password` that every request must contain. It is not forwarded to the target.
 */
export async function createTlsFront(
  t: TestContext,
  target: string,
  { certFile, keyFile }: Certificate,
  login?: string,
): Promise<TlsFront> {
  const requests: string[] = [];
  const { hostname, port } = new URL(target);
  const needed = login && `Basic ${Buffer.from(login).toString('base64')}`;
  const forward: RequestListener = (incoming, response) => {
    const { method = '', url: path = '', headers } = incoming;
    if (needed !== undefined && headers.authorization !== needed) {
      response.writeHead(401, { 'www-authenticate': 'Basic' }).end('a login is required');
      return;
    }
    requests.push(`${method} ${path}`);
    const { authorization, ...rest } = headers;
    const kept = needed === undefined && authorization !== undefined ? { authorization } : {};
    const passed = { ...rest, ...kept, host: `${hostname}:${port}` };
    const onward = ask({ hostname, port, method, path, headers: passed }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  };
  const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, forward);
  return { requests, port: await listen(t, server) };
}

/**
 * Starts a proxy that intercepts TLS: it connects each tunnel to the front that stands in for the
 * host.
 * @param ports the ports of the fronts, by the `host:port` that a client requests.
 */
export async function createReadingProxy(t: TestContext, ports: Readonly<Record<string, number>>) {
  const tunnels: string[] = [];
  const server = createHttpServer((_, response) => response.writeHead(400).end());
  server.on('connect', ({ url = '' }, socket) => {
    tunnels.push(url);
    const port = ports[url];
    if (port === undefined) return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const front = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      front.pipe(socket).pipe(front);
    });
    front.on('error', () => socket.destroy());
    socket.on('error', () => front.destroy()).on('close', () => front.destroy());
    return undefined;
  });
  return { address: `http://127.0.0.1:${await listen(t, server)}`, tunnels };
}
