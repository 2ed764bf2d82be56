import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../core/child-process.ts';
import type { Settings } from '../core/settings/config.ts';
import { ConfigError, LocalServiceError } from '../core/errors.ts';
import { logger } from '../core/logger.ts';
import { clickhouseAddress, kafkaAddress, registryAddress, type LocalAddress } from './local-address.ts';
import { withLocalCredentials } from './own-credentials.ts';
import { serviceNames, type Host, type ServiceName } from './service.ts';

const composeFile = fileURLToPath(new URL('../docker-compose.yml', import.meta.url));

export async function hasDocker(signal: AbortSignal): Promise<boolean> {
  try {
    await runProgram('docker', ['version', '--format', '{{.Server.Version}}'], { signal, timeout: 5_000 });
    await runProgram('docker', ['compose', 'version'], { signal, timeout: 5_000, needs: 'docker' });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/**
 * Returns the services as containers from docker-compose.yml. Each folder has its own Compose
 * project.
 */
export function dockerHost(settings: Settings, folder: string): Host {
  const addresses: Readonly<Record<ServiceName, LocalAddress>> = {
    kafka: published(kafkaAddress(settings)),
    registry: published(registryAddress(settings)),
    clickhouse: published(clickhouseAddress(settings)),
  };
  const project = `chartmogul-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
  const compose = (command: readonly string[], timeout: number, signal?: AbortSignal, given = settings) => {
    const args = ['-f', composeFile, '-p', project, ...command];
    return runCompose(args, composeSettings(given, addresses), timeout, signal);
  };

  const containers = async (signal?: AbortSignal) =>
    parseContainers(await compose(['ps', '--format', 'json'], 30_000, signal));

  return {
    async start(signal) {
      const before = await containers(signal);
      logger.info('starting containers; the first start downloads their images');
      const up = ['up', '--detach', '--wait', '--wait-timeout', '300'];
      await compose(up, 1_800_000, signal, withLocalCredentials(settings));
      return serviceNames.map((name) => ({
        name,
        address: addresses[name].text,
        alreadyRunning: before.some((container) => container.Service === name && isHealthy(container)),
      }));
    },

    async stop() {
      await compose(['stop', ...serviceNames], 120_000);
    },

    async status() {
      const now = await containers();
      return serviceNames.map((name) => {
        const container = now.find(({ Service }) => Service === name);
        const running = container !== undefined && isHealthy(container);
        return { name, address: addresses[name].text, running, details: container?.Name ?? '' };
      });
    },
  };
}

type Container = Readonly<Record<'Name' | 'Service' | 'State' | 'Health', string>>;

/** Parses one JSON object per line, or the single array that older versions print. */
export function parseContainers(text: string): readonly Container[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => JSON.parse(line) as Container | Container[]);
}

function isHealthy({ State, Health }: Container): boolean {
  return State === 'running' && Health === 'healthy';
}

function published(address: LocalAddress): LocalAddress {
  if (['127.0.0.1', 'localhost'].includes(address.host)) return address;
  const { setting, text } = address;
  throw new ConfigError(`${setting} must be on 127.0.0.1, where containers are published; got "${text}"`);
}

function composeSettings(settings: Settings, addresses: Readonly<Record<ServiceName, LocalAddress>>) {
  const { credentials } = settings.clickhouse;
  const password = credentials?.password.reveal() ?? '';
  return {
    KAFKA_PORT: String(addresses.kafka.port),
    SCHEMA_REGISTRY_PORT: String(addresses.registry.port),
    CLICKHOUSE_PORT: String(addresses.clickhouse.port),
    CLICKHOUSE_USERNAME: credentials?.username ?? '',
    // Compose requires a password for each command. Only `up` uses it, and `up` always has one.
    CLICKHOUSE_PASSWORD: password === '' ? 'unknown' : password,
  };
}

async function runCompose(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  timeout: number,
  signal?: AbortSignal,
): Promise<string> {
  try {
    const options = { env, needs: 'docker', timeout, ...(signal && { signal }) } as const;
    return (await runProgram('docker', ['compose', ...args], options)).stdout;
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr = '' } = error as { stderr?: string };
    const reason = stderr.trim().split('\n').slice(-3).join(' | ') || 'no reason given';
    throw new LocalServiceError(`docker compose failed: ${reason}`, { cause: error });
  }
}
