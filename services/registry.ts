import { join } from 'node:path';
import { entryArguments } from '../core/installation.ts';
import type { Settings } from '../core/settings/config.ts';
import { makePrivateFolder } from '../core/private-files.ts';
import { BackgroundProcess } from './background-process.ts';
import { isHttpOk } from './http-probe.ts';
import { javaPackages, quickStart } from './java.ts';
import { freePort, unguessableHost, kafkaAddress, registryAddress } from './local-address.ts';
import type { LocalService } from './service.ts';

const jar = 'apicurio-registry-app-3.0.9-runner.jar';

/**
 * Returns the registry service, which consists of two processes. Apicurio stores its schemas in
 * Kafka and listens on a separate port. A small front end listens on SCHEMA_REGISTRY_URL and serves
 * the paths of Confluent's registry.
 */
export function registryService(settings: Settings, folder: string): LocalService {
  const address = registryAddress(settings);
  const apicurio = new BackgroundProcess(folder, 'apicurio');
  const front = new BackgroundProcess(folder, 'registry');
  return {
    name: 'registry',
    address,
    processes: [apicurio, front],

    async start(signal) {
      const home = join(await javaPackages(signal), 'registry');
      const temporary = join(folder, 'tmp');
      makePrivateFolder(folder);
      makePrivateFolder(temporary);
      // Apicurio accepts any Host, so DNS rebinding could reach it. Only the front end checks Host.
      const host = unguessableHost();
      const port = await freePort();
      await apicurio.start({
        command: 'java',
        args: ['-Xmx384m', ...quickStart, `-Djava.io.tmpdir=${temporary}`, '-jar', join(home, jar)],
        env: apicurioSettings(host, port, kafkaAddress(settings).text),
        cwd: folder,
      });
      const addresses = ['--listen', address.text, '--to', `http://${host}:${port}`];
      await front.start({
        command: process.execPath,
        args: [...entryArguments('services/registry-front.ts'), ...addresses],
        cwd: folder,
      });
    },

    isReady: () => isHttpOk(new URL('/subjects', address.text)),
  };
}

function apicurioSettings(host: string, port: number, brokers: string): Record<string, string> {
  return {
    QUARKUS_HTTP_HOST: host,
    QUARKUS_HTTP_PORT: String(port),
    QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
    APICURIO_STORAGE_KIND: 'kafkasql',
    APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: brokers,
    // How long the registry waits for further journal messages before it reports ready; 5 s by
    // default.
    APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT: '100',
  };
}
