import { devNull } from 'node:os';
import { join, resolve } from 'node:path';
import { loadSettings } from '../../core/settings/config.ts';
import { makePrivateFolder } from '../../core/private-files.ts';
import { exitCodes, runMain } from '../../core/process.ts';
import { listenUntil } from '../http-listener.ts';
import { openEngine } from './engine.ts';
import { createClickHouseServer } from './server.ts';
import { Spool } from './spool.ts';

// `services up` runs this program in the background, with all settings in the environment.
await runMain(async (signal) => {
  const settings = loadSettings(undefined, devNull);
  const folder = resolve(join(settings.dataDir, 'services', 'clickhouse'));
  makePrivateFolder(folder);
  process.chdir(folder);
  const engine = await openEngine('data');
  try {
    const { credentials } = settings.clickhouse;
    const server = createClickHouseServer({ engine, spool: new Spool('spool'), credentials });
    await listenUntil(server, new URL(settings.clickhouse.url), signal);
  } finally {
    await engine.close();
  }
  return exitCodes.done;
});
