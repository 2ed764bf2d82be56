import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { Settings, SettingName } from '../core/settings/config.ts';
import { isLoopback, splitBroker } from '../core/settings/setting-values.ts';
import { ConfigError, LocalServiceError } from '../core/errors.ts';

export interface LocalAddress {
  readonly setting: SettingName;
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** @throws ConfigError if TLS or SASL is configured, or KAFKA_BROKERS is not a loopback address. */
export function kafkaAddress({ kafka }: Settings): LocalAddress {
  const [text = ''] = kafka.brokers;
  if (kafka.tls !== undefined) throw new ConfigError('KAFKA_SSL must be false for local services; got true');
  if (kafka.sasl !== undefined) throw new ConfigError('KAFKA_USERNAME must not be set for local services');
  return loopback({ setting: 'KAFKA_BROKERS', text, ...splitBroker(text) });
}

/**
 * The path at which Apicurio serves Confluent's API. The local registry also serves it at the root,
 * as Confluent's registry does.
 */
export const compatibilityPath = '/apis/ccompat/v7';

export function registryAddress({ schemaRegistry }: Settings): LocalAddress {
  return fromUrl('SCHEMA_REGISTRY_URL', schemaRegistry.url, ['', compatibilityPath]);
}

export function clickhouseAddress({ clickhouse }: Settings): LocalAddress {
  return fromUrl('CLICKHOUSE_URL', clickhouse.url, ['']);
}

function fromUrl(setting: SettingName, text: string, paths: readonly string[]): LocalAddress {
  const url = new URL(text);
  if (url.protocol !== 'http:')
    throw new ConfigError(`${setting} must be a plain http address for local services; got "${text}"`);
  if (!paths.includes(url.pathname.replace(/\/$/, ''))) {
    const allowed = paths.map((path) => (path === '' ? 'no path' : path)).join(' or ');
    throw new ConfigError(`${setting} must have ${allowed} for local services; got "${text}"`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return loopback({ setting, text, host, port: url.port === '' ? 80 : Number(url.port) });
}

function loopback(address: LocalAddress): LocalAddress {
  if (isLoopback(address.host)) return address;
  const { setting, text } = address;
  throw new ConfigError(`${setting} must be a loopback address for local services; got "${text}"`);
}

/** @throws LocalServiceError naming the setting if this process cannot listen on the address. */
export async function requireFree({ setting, text, host, port }: LocalAddress): Promise<void> {
  try {
    await listenOnce(host, port);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const fault =
      code === 'EADDRINUSE'
        ? `but another program is listening there: stop it, or set ${setting} to a free port`
        : `where this process cannot listen (${code}): set it to an address of this machine and a free port`;
    throw new LocalServiceError(`${setting} is "${text}", ${fault}`, { cause: error });
  }
}

/**
 * The range lies below the ephemeral ports of Linux and macOS, which outgoing connections may
 * occupy.
 */
const [LOWEST_PORT, HIGHEST_PORT] = [15_000, 32_000];
const PORT_ATTEMPTS = 100;

/** Returns a random port that is free on 127.0.0.1. @throws LocalServiceError */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    try {
      return await listenOnce('127.0.0.1', port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new LocalServiceError(`no port from ${LOWEST_PORT} to ${HIGHEST_PORT} is free`);
}

/**
 * Returns a loopback address that no web page can guess, for a service that accepts any `Host`.
 * Returns 127.0.0.1 on systems other than Linux, which have only that loopback address.
 */
export function unguessableHost(platform = process.platform): string {
  if (platform !== 'linux') return '127.0.0.1';
  return ['127', ...Array.from({ length: 3 }, () => String(randomInt(1, 255)))].join('.');
}

async function listenOnce(host: string, port: number): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen({ host, port }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
