import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../core/settings/child-environment.ts';
import { loadSettings, type Settings } from '../core/settings/config.ts';
import { Secret } from '../core/settings/secret.ts';
import { logger } from '../core/logger.ts';
import { freePort } from '../services/local-address.ts';
import { startServices, stopServices } from '../services/local-services.ts';

const KEY = 'bench';
const root = fileURLToPath(new URL('../', import.meta.url));

/** Runs `work` with separate services, on free ports, with their files in a temporary folder. */
export async function withServices<T>(
  signal: AbortSignal,
  work: (settings: Settings) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'chartmogul-bench-'));
  const env = {
    ...childEnvironment(),
    KAFKA_BROKERS: `127.0.0.1:${await freePort()}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}`,
    CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}`,
    DATA_DIR: dataDir,
  };
  logger.level = 'warn';
  try {
    await startServices(loadSettings(env, ''), signal);
    // Load the settings again: ClickHouse's credential exists only now.
    return await work(loadSettings(env, ''));
  } finally {
    await stopServices(loadSettings(env, ''));
    await rm(dataDir, { recursive: true, force: true });
  }
}

/**
 * Starts a simulator in a separate process, so that its CPU time is not attributed to the producer.
 */
export async function startSimulator(...options: readonly string[]) {
  const port = await freePort();
  const args = ['start.mjs', 'simulator/main.ts', '--port', String(port), ...options];
  // Otherwise the simulator would accept only the key from the environment or from .env.
  const env = { ...childEnvironment(), CHARTMOGUL_API_KEY: KEY };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  const origin = `http://127.0.0.1:${port}`;
  return {
    chartmogul: (maxRequestsPerSecond: number): Settings['chartmogul'] => ({
      apiKey: new Secret(KEY),
      baseUrl: `${origin}/v1`,
      maxRequestsPerSecond,
    }),
    statistics: async () =>
      (await (await fetch(`${origin}/_simulator/stats`)).json()) as Record<string, number>,
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

/**
 * One run of a contender. It has its own database, which is dropped afterwards, so that its merges
 * do not affect other runs.
 */
export interface Turn {
  readonly settings: Settings;
  readonly database: string;
  readonly messages: number;
  readonly signal: AbortSignal;
}

/** Returns the environment of a child process with these settings and this database. */
export function environmentOf(settings: Settings, database: string): NodeJS.ProcessEnv {
  return {
    ...childEnvironment(),
    KAFKA_BROKERS: settings.kafka.brokers.join(','),
    TOPIC_PREFIX: settings.topicPrefix,
    SCHEMA_REGISTRY_URL: settings.schemaRegistry.url,
    CLICKHOUSE_URL: settings.clickhouse.url,
    CLICKHOUSE_DATABASE: database,
    HISTORY_STREAMS: settings.clickhouse.historyStreams?.join(',') ?? '',
    DATA_DIR: settings.dataDir,
  };
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
