import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../settings/setting-values.ts';

/**
 * The programs that may reach a server: only those on this machine, or also those on other
 * machines.
 */
export type Reach = 'machine' | 'network';

/**
 * Returns why a request may come from a web page; undefined if it cannot. A browser names the page
 * (`Origin`, `Sec-Fetch-Site`) or, after DNS rebinding, the page's host (`Host`). All our servers
 * but the webhook receiver call this first, because no key protects some of their requests.
 */
export function foreignRequest(request: IncomingMessage, reach: Reach = 'machine'): string | undefined {
  const { host: hosts = [], origin: origins = [] } = request.headersDistinct;
  const [host = ''] = hosts;
  if (hosts.length !== 1 || !mayName(host, reach, request))
    return 'Host must be a loopback address, such as 127.0.0.1';
  // A target may be an absolute URL, which would override Host.
  if (request.url?.startsWith('/') !== true) return 'the request target must begin with /';
  if (origins.some((origin) => !isOwnOrigin(origin.toLowerCase(), host.toLowerCase())))
    return 'Origin must be the address of this server';
  const sites = request.headersDistinct['sec-fetch-site'] ?? [];
  if (sites.some((site) => site !== 'none' && site !== 'same-origin'))
    return 'Sec-Fetch-Site must be none or same-origin';
  return undefined;
}

/** Responds with 403 if {@link foreignRequest} returns a reason. @returns whether it did. */
export function refuseForeign(
  request: IncomingMessage,
  response: ServerResponse,
  reach: Reach = 'machine',
): boolean {
  const reason = foreignRequest(request, reach);
  if (reason === undefined) return false;
  response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' }).end(`Forbidden: ${reason}\n`);
  // Many clients do not read the response before they have sent the body.
  request.resume();
  return true;
}

/**
 * A proxy with TLS may serve us under a host name. If the host is an IP address, its https port
 * belongs to another server.
 */
function isOwnOrigin(origin: string, host: string): boolean {
  if (origin === `http://${host}`) return true;
  const name = hostIn(host) ?? '';
  return origin === `https://${host}` && !isLoopback(name) && isIP(name.replace(/^\[|\]$/g, '')) === 0;
}

function hostIn(header: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^:@/\s]+)(?::\d{1,5})?$/i.exec(header)?.[1];
}

function mayName(header: string, reach: Reach, { socket }: IncomingMessage): boolean {
  const host = hostIn(header);
  if (host === undefined) return false;
  if (isLoopback(host)) return true;
  if (reach === 'machine') return false;
  // DNS rebinding requires a name, and matters only for browsers on this machine: other machines
  // reach the port without it.
  const isFromHere = isLoopbackPeer(socket.remoteAddress) || socket.remoteAddress === socket.localAddress;
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 || !isFromHere;
}

function isLoopbackPeer(address = ''): boolean {
  return isLoopback(address.replace(/^::ffff:/i, ''));
}
