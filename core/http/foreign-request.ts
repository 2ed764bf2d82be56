import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../setting-values.ts';

/** Who may reach a server: programs of this machine only, or those of other machines too. */
export type Reach = 'machine' | 'network';

/**
 * Why a request may come from a web page, undefined where it cannot: each browser names the page (`Origin`, `Sec-Fetch-Site`) or,
 * after DNS rebinding, the page's host (`Host`). All servers of ours ask this first, since a page may send what no key guards.
 */
export function foreignRequest(request: IncomingMessage, reach: Reach = 'machine'): string | undefined {
  const { host: hosts = [], origin: origins = [] } = request.headersDistinct;
  const [host = ''] = hosts;
  if (hosts.length !== 1 || !mayName(host, reach, request))
    return `wants a Host header that names a loopback address, such as 127.0.0.1`;
  // A target may be a whole address, which would take the place of Host.
  if (request.url?.startsWith('/') !== true) return 'wants a target that begins with /';
  if (origins.some((origin) => origin.toLowerCase() !== `http://${host.toLowerCase()}`))
    return 'takes no request from a page of another origin';
  const sites = request.headersDistinct['sec-fetch-site'] ?? [];
  if (sites.some((site) => site !== 'none' && site !== 'same-origin'))
    return 'takes no request from a page of another site';
  return undefined;
}

/** Answers 403 where {@link foreignRequest} has a reason. @returns whether it did. */
export function refuseForeign(
  request: IncomingMessage,
  response: ServerResponse,
  reach: Reach = 'machine',
): boolean {
  const reason = foreignRequest(request, reach);
  if (reason === undefined) return false;
  response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' }).end(`Forbidden: ${reason}\n`);
  // Many a client does not listen before it has sent its body.
  request.resume();
  return true;
}

function mayName(header: string, reach: Reach, { socket }: IncomingMessage): boolean {
  const host = /^(\[[0-9a-f:.]+\]|[^:@/\s]+)(?::\d{1,5})?$/i.exec(header)?.[1];
  if (host === undefined) return false;
  if (isLoopback(host)) return true;
  if (reach === 'machine') return false;
  // Rebinding needs a name; and it serves a page on this machine only, since any other reaches the port without it.
  const isFromHere = isLoopbackPeer(socket.remoteAddress) || socket.remoteAddress === socket.localAddress;
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 || !isFromHere;
}

function isLoopbackPeer(address = ''): boolean {
  return isLoopback(address.replace(/^::ffff:/i, ''));
}
