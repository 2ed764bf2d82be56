import { join } from 'node:path';
import { hasPassword, type Settings } from '../core/settings/config.ts';
import { LocalServiceError, messageOf } from '../core/errors.ts';
import { logger } from '../core/logger.ts';
import { clickhouseService } from './clickhouse.ts';
import { isTrueWithin } from './deadline.ts';
import { kafkaService } from './kafka.ts';
import { requireFree } from './local-address.ts';
import { residentBytes } from './process-identity.ts';
import { withLocalCredentials } from './own-credentials.ts';
import { registryService } from './registry.ts';
import type { Host, LocalService, ServiceStatus, StartedService } from './service.ts';

const readyWithinMs = 120_000;

/**
 * How long to wait for a service that is already running: it may be busy, or may still listen on an
 * earlier address.
 */
const answersWithinMs = 20_000;

export function processHost(settings: Settings, folder: string): Host {
  const servicesOf = (complete: Settings): readonly LocalService[] => [
    kafkaService(complete, join(folder, 'kafka')),
    registryService(complete, join(folder, 'registry')),
    clickhouseService(complete, join(folder, 'clickhouse')),
  ];
  const services = servicesOf(settings);
  return {
    async start(signal) {
      const clickhouse = services.find(({ name }) => name === 'clickhouse');
      const isUp = clickhouse !== undefined && isRunning(clickhouse);
      // Runs before a credential for the address exists, because another process that listens there
      // must never receive it.
      if (clickhouse !== undefined && !isUp) await makeWay(clickhouse);
      const complete = isUp ? settings : withLocalCredentials(settings);
      const started = await startAll(servicesOf(complete), signal);
      if (!hasPassword(complete.clickhouse.credentials))
        logger.warn(
          'an earlier version started clickhouse without a password: run `npm run services -- down`, then `up`',
        );
      return started;
    },

    async stop() {
      for (const service of [...services].reverse()) await stop(service);
    },

    status: () => Promise.all(services.map(statusOf)),
  };
}

/**
 * Starts all services in parallel, because most of the time is spent waiting. If one service fails,
 * aborts the start of the others.
 */
async function startAll(
  services: readonly LocalService[],
  signal: AbortSignal,
): Promise<readonly StartedService[]> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const starting = services.map(async (service) => {
    try {
      return await start(service, either);
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(starting);
  signal.throwIfAborted();
  failure.signal.throwIfAborted();
  return Promise.all(starting);
}

/**
 * Stops any remaining processes of a service that is not fully running.
 * @throws LocalServiceError if a process cannot be stopped or the address is not free.
 */
async function makeWay(service: LocalService): Promise<void> {
  await stop(service);
  await requireFree(service.address);
}

async function start(service: LocalService, signal: AbortSignal): Promise<StartedService> {
  const { name, address } = service;
  const alreadyRunning = isRunning(service);
  if (!alreadyRunning) {
    await makeWay(service);
    await service.start(signal);
  }
  const isDecided = async () => !isRunning(service) || (await service.isReady());
  const isInTime = await isTrueWithin(alreadyRunning ? answersWithinMs : readyWithinMs, isDecided, signal);
  if (isInTime && isRunning(service)) {
    logger.info({ address: address.text }, `${name} is ready`);
    return { name, address: address.text, alreadyRunning };
  }
  if (alreadyRunning && !isInTime) {
    const running = `${name} is running (pid ${runningPids(service).join('+')})`;
    throw new LocalServiceError(
      `${running} but is not responding at ${address.text}: did ${address.setting} change after it started? Run \`npm run services -- down\` first`,
    );
  }
  const fault = isInTime ? 'ended' : `did not respond within ${readyWithinMs / 1000} s`;
  throw new LocalServiceError(`${name} at ${address.text} ${fault}${logOf(service)}`);
}

/**
 * Returns the path and the last lines of one log: that of the first process that is not running,
 * because it has probably failed. If all are running, chooses the first process.
 */
function logOf({ processes }: LocalService): string {
  const suspect = processes.find((process) => process.pid() === undefined) ?? processes[0];
  return suspect === undefined ? '' : `; ${suspect.logPath} ends with: ${suspect.lastWords()}`;
}

async function stop({ name, processes }: LocalService): Promise<void> {
  const isUp = processes.some((process) => process.pid() !== undefined);
  for (const process of [...processes].reverse()) {
    await process.stop().catch((error: unknown) => {
      throw new LocalServiceError(`${name} cannot be stopped: ${messageOf(error)}`, { cause: error });
    });
  }
  if (isUp) logger.info(`${name} has stopped`);
}

async function statusOf(service: LocalService): Promise<ServiceStatus> {
  const pids = runningPids(service);
  return {
    name: service.name,
    address: service.address.text,
    running: isRunning(service) && (await service.isReady()),
    details: pids.length === 0 ? await foreignListener(service) : processDetails(pids),
  };
}

function processDetails(pids: readonly number[]): string {
  const memory = pids.reduce((sum, pid) => sum + (residentBytes(pid) ?? 0), 0);
  return `pid ${pids.join('+')}  ${Math.round(memory / 2 ** 20)} MiB`;
}

function foreignListener({ address }: LocalService): Promise<string> {
  return requireFree(address).then(
    () => '',
    () => 'another program is listening there',
  );
}

function isRunning(service: LocalService): boolean {
  return runningPids(service).length === service.processes.length;
}

function runningPids({ processes }: LocalService): number[] {
  return processes.flatMap((process) => process.pid() ?? []);
}
