import { join } from 'node:path';
import { entryArguments } from '../core/installation.ts';
import type { Settings } from '../core/settings/config.ts';
import { BackgroundProcess } from './background-process.ts';
import { isHttpOk } from './http-probe.ts';
import { clickhouseAddress } from './local-address.ts';
import type { LocalService } from './service.ts';

/** Returns the ClickHouse service, a Node process that loads the engine as a library. */
export function clickhouseService(settings: Settings, folder: string): LocalService {
  const address = clickhouseAddress(settings);
  const server = new BackgroundProcess(folder, 'clickhouse');
  const { credentials } = settings.clickhouse;
  return {
    name: 'clickhouse',
    address,
    processes: [server],

    async start() {
      await server.start({
        command: process.execPath,
        args: entryArguments('services/clickhouse/main.ts'),
        env: {
          TZ: 'UTC',
          // Each running query occupies a thread, and file access uses a few more.
          UV_THREADPOOL_SIZE: '32',
          CLICKHOUSE_URL: address.text,
          CLICKHOUSE_USERNAME: credentials?.username,
          CLICKHOUSE_PASSWORD: credentials?.password.reveal(),
          DATA_DIR: join(folder, '..', '..'),
        },
        cwd: folder,
      });
    },

    isReady: () =>
      isHttpOk(new URL('/?query=SELECT%201', address.text), {
        'X-ClickHouse-User': credentials?.username ?? 'default',
        'X-ClickHouse-Key': credentials?.password.reveal() ?? '',
      }),
  };
}
