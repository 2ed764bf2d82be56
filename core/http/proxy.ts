import { Agent as NodeAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import type { Secret } from '../settings/secret.ts';
import { isLoopback } from '../settings/setting-values.ts';

/**
 * The values of HTTPS_PROXY, HTTP_PROXY and NO_PROXY; empty if not set. `none` is a comma-separated
 * list of `host` (with its subdomains), `host:port`, `.host`, `*.host` or `*`.
 */
type ProxyRules = Readonly<Record<'https' | 'http' | 'none', string>>;

/**
 * Returns the proxy for an address; undefined if its requests go directly, as plain http requests
 * to this machine do.
 */
export function proxyFor(address: string, { https, http, none }: ProxyRules): string | undefined {
  const { protocol, hostname, port } = new URL(address);
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const isHttps = protocol === 'https:';
  const proxy = isHttps ? https : http;
  if (proxy === '' || (!isHttps && isLoopback(host))) return undefined;
  const usedPort = port === '' ? (isHttps ? '443' : '80') : port;
  const rules = none.toLowerCase().split(/[\s,]+/);
  return rules.some((rule) => isExcepted(rule, host, usedPort)) ? undefined : proxy;
}

function isExcepted(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true;
  // An IPv6 address can have a port only in brackets.
  const isBareV6 = !rule.startsWith('[') && rule.split(':').length > 2;
  const [, name = '', onlyPort] = isBareV6 ? [rule, rule] : (/^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(rule) ?? []);
  const suffix = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
  if (suffix === '' || (onlyPort !== undefined && onlyPort !== port)) return false;
  return host === suffix || host.endsWith(`.${suffix}`);
}

/** The route to an http or https server. */
export interface HttpRoute {
  readonly url: string;
  readonly proxy?: Secret | undefined;
  /** Certificates that replace the CAs that Node trusts, for the server but not for the proxy. */
  readonly ca?: string | undefined;
}

export function createDispatcher(
  { url, proxy, ca }: HttpRoute,
  options: Agent.Options,
  connect: { readonly timeout?: number } = {},
): Dispatcher {
  const trust = ca === undefined ? {} : { ca };
  if (proxy === undefined) return new Agent({ ...options, connect: { ...connect, ...trust } });
  // Few proxies accept CONNECT for plain http.
  const proxyTunnel = url.startsWith('https:');
  return new ProxyAgent({ ...options, connect, uri: proxy.reveal(), proxyTunnel, requestTls: trust });
}

/** Returns an agent for clients that use node's http. */
export function createNodeAgent({ url, proxy, ca }: HttpRoute, maxSockets: number): NodeAgent {
  const options = { keepAlive: true, maxSockets };
  const trust = ca === undefined ? {} : { ca };
  const isHttps = url.startsWith('https:');
  if (proxy === undefined) return isHttps ? new HttpsAgent({ ...options, ...trust }) : new NodeAgent(options);
  const agent = new (isHttps ? HttpsProxyAgent : HttpProxyAgent)(proxy.reveal(), options);
  // Options of the constructor would also apply to a proxy with TLS.
  Object.assign(agent.options, trust);
  return agent;
}

/**
 * Returns words for an error message that name the proxy, without user and password; an empty
 * string if there is no proxy.
 */
export function throughProxy(proxy: Secret | undefined): string {
  if (proxy === undefined) return '';
  return ` through the proxy ${new URL(proxy.reveal()).host} (HTTPS_PROXY or HTTP_PROXY)`;
}
