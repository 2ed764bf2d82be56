import { join, resolve } from 'node:path';
import type { Settings } from '../core/settings/config.ts';
import { makePrivateFolder, readPrivate, tighten, writePrivate } from '../core/private-files.ts';
import { withLock } from './command-lock.ts';
import { dockerHost, hasDocker } from './docker-host.ts';
import { processHost } from './process-host.ts';
import type { Host, ServiceStatus, StartedService } from './service.ts';

/**
 * Starts the services that are not running, in parallel, and returns when every service responds.
 * On the first start, chooses containers if a Docker engine responds, otherwise processes on this
 * machine.
 * @throws ConfigError if local services cannot use a setting; LocalServiceError if a service cannot
 * be started, or another command holds the lock for too long.
 */
export async function startServices(
  settings: Settings,
  signal: AbortSignal,
): Promise<readonly StartedService[]> {
  const folder = servicesFolder(settings);
  tighten(settings.dataDir, ...ownFolders);
  return withLock(join(folder, 'lock'), signal, async () => {
    const host = await (rememberedHost(settings, folder) ?? chooseHost(settings, folder, signal));
    return host.start(signal);
  });
}

/** Stops the services in the reverse order of their dependencies. Keeps their data. */
export async function stopServices(settings: Settings): Promise<void> {
  const folder = servicesFolder(settings);
  await withLock(join(folder, 'lock'), undefined, async () => hostInUse(settings, folder).stop());
}

export async function servicesStatus(settings: Settings): Promise<readonly ServiceStatus[]> {
  return hostInUse(settings, servicesFolder(settings)).status();
}

const ownFolders = ['services', 'demo', 'java'];

const hosts = { docker: dockerHost, processes: processHost };

function servicesFolder({ dataDir }: Settings): string {
  return resolve(dataDir, 'services');
}

/**
 * Returns the host of the kind that the first start chose, because the other kind cannot use its
 * data; undefined before the first start.
 */
function rememberedHost(settings: Settings, folder: string): Host | undefined {
  const kind = readPrivate(join(folder, 'host'))?.trim();
  return kind === 'docker' || kind === 'processes' ? hosts[kind](settings, folder) : undefined;
}

async function chooseHost(settings: Settings, folder: string, signal: AbortSignal): Promise<Host> {
  const kind = (await hasDocker(signal)) ? 'docker' : 'processes';
  const host = hosts[kind](settings, folder);
  makePrivateFolder(folder);
  writePrivate(join(folder, 'host'), `${kind}\n`);
  return host;
}

function hostInUse(settings: Settings, folder: string): Host {
  return rememberedHost(settings, folder) ?? processHost(settings, folder);
}
