import { join, resolve } from 'node:path';
import type { Settings } from '../core/config.ts';
import { LocalServiceError } from '../core/errors.ts';
import { clickhouseService } from './clickhouse.ts';
import { isTrueWithin } from './deadline.ts';
import { kafkaService } from './kafka.ts';
import { requireFree } from './local-address.ts';
import { residentBytes } from './process-identity.ts';
import { registryService } from './registry.ts';
import type { LocalService, ServiceName } from './service.ts';

export interface StartedService {
  readonly name: ServiceName;
  readonly address: string;
  /** It was running and well before; whoever did not start it should not stop it. */
  readonly alreadyRunning: boolean;
}

export interface ServiceStatus {
  readonly name: ServiceName;
  readonly address: string;
  readonly running: boolean;
  readonly pids: readonly number[];
  readonly memoryBytes: number;
}

const readyWithinMs = 120_000;

/**
 * Brings up what is not up, all at once, and returns when every service answers.
 *
 * @throws ConfigError where a setting does not point to this machine.
 * @throws LocalServiceError naming the service, its address and its log.
 */
export async function startServices(
  settings: Settings,
  signal: AbortSignal,
): Promise<readonly StartedService[]> {
  const outcomes = await Promise.allSettled(
    localServices(settings).map((service) => startService(service, signal)),
  );
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new LocalServiceError(failures.map(String).join('\n'));
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

/** Ends the services in the opposite order of their dependence; their data stays. */
export async function stopServices(settings: Settings, only?: readonly ServiceName[]): Promise<void> {
  for (const service of localServices(settings).reverse()) {
    if (only === undefined || only.includes(service.name)) await stopService(service);
  }
}

export async function servicesStatus(settings: Settings): Promise<readonly ServiceStatus[]> {
  return Promise.all(
    localServices(settings).map(async (service) => {
      const pids = runningPids(service);
      return {
        name: service.name,
        address: service.address.text,
        running: pids.length === service.processes.length && (await service.isReady()),
        pids,
        memoryBytes: pids.reduce((sum, pid) => sum + (residentBytes(pid) ?? 0), 0),
      };
    }),
  );
}

/** In the order in which they depend on each other. */
function localServices(settings: Settings): LocalService[] {
  const folder = (name: ServiceName) => resolve(join(settings.dataDir, 'services', name));
  return [
    kafkaService(settings, folder('kafka')),
    registryService(settings, folder('registry')),
    clickhouseService(settings, folder('clickhouse')),
  ];
}

async function startService(service: LocalService, signal: AbortSignal): Promise<StartedService> {
  const { name, address } = service;
  const alreadyRunning = isRunning(service);
  if (!alreadyRunning) {
    // Half a service may be left of one that was killed.
    await stopService(service);
    await requireFree(address);
    await service.start(signal);
  }
  const isDecided = async () => !isRunning(service) || (await service.isReady());
  const isInTime = await isTrueWithin(readyWithinMs, isDecided, signal);
  if (isInTime && isRunning(service)) return { name, address: address.text, alreadyRunning };
  throw notReady(service, isInTime ? 'ended' : `did not answer within ${readyWithinMs / 1000} s`);
}

function notReady({ name, address, processes }: LocalService, what: string): LocalServiceError {
  const suspect = processes.find((process) => process.pid() === undefined) ?? processes[0];
  const log = suspect === undefined ? '' : `; ${suspect.logPath} ends with: ${suspect.lastWords()}`;
  return new LocalServiceError(`${name} at ${address.text} ${what}${log}`);
}

async function stopService({ processes }: LocalService): Promise<void> {
  for (const process of [...processes].reverse()) await process.stop();
}

function isRunning(service: LocalService): boolean {
  return runningPids(service).length === service.processes.length;
}

function runningPids({ processes }: LocalService): number[] {
  return processes.flatMap((process) => process.pid() ?? []);
}
