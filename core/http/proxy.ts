import type { Agent as NodeAgent } from 'node:http';
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

/** Undefined: requests go directly, such as plain http to this machine. */
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

export function createDispatcher(
  address: string,
  proxy: Secret | undefined,
  options: Agent.Options,
): Dispatcher {
  if (proxy === undefined) return new Agent(options);
  // Few proxies accept CONNECT for plain http.
  return new ProxyAgent({ ...options, uri: proxy.reveal(), proxyTunnel: address.startsWith('https:') });
}

/** For clients that use node's http. */
export function createProxyAgent(address: string, proxy: Secret, maxSockets: number): NodeAgent {
  const ProxyAgentClass = address.startsWith('https:') ? HttpsProxyAgent : HttpProxyAgent;
  return new ProxyAgentClass(proxy.reveal(), { keepAlive: true, maxSockets });
}

/** Returns the part of an error that names the proxy, without user and password. */
export function throughProxy(proxy: Secret | undefined): string {
  if (proxy === undefined) return '';
  return ` through the proxy ${new URL(proxy.reveal()).host} (HTTPS_PROXY or HTTP_PROXY)`;
}
