import { hasPassword, loadSettings, type Settings } from '../core/settings/config.ts';
import { findLocalCredentials } from '../core/settings/local-credentials.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { servicesStatus, startServices, stopServices } from './local-services.ts';
import { print } from '../core/terminal/terminal.ts';

async function up(settings: Settings, signal: AbortSignal): Promise<ExitCode> {
  await startServices(settings, signal);
  const exports = [
    `export KAFKA_BROKERS=${settings.kafka.brokers.join(',')}`,
    `export SCHEMA_REGISTRY_URL=${settings.schemaRegistry.url}`,
    `export CLICKHOUSE_URL=${settings.clickhouse.url}`,
    ...credentialExports(settings),
  ];
  print(`${exports.join('\n')}\n`);
  return exitCodes.done;
}

/** Returns `export` lines for generated credentials; none if the user has set another password. */
function credentialExports({ clickhouse, dataDir }: Settings): string[] {
  const { credentials } = clickhouse;
  const local = findLocalCredentials(dataDir, clickhouse.url, credentials?.username);
  const password = local?.password.reveal();
  const isOther = hasPassword(credentials) && credentials?.password.reveal() !== password;
  if (local === undefined || password === undefined || isOther) return [];
  return [`export CLICKHOUSE_USERNAME=${local.username}`, `export CLICKHOUSE_PASSWORD=${password}`];
}

async function status(settings: Settings): Promise<ExitCode> {
  const services = await servicesStatus(settings);
  for (const { name, running, address, details } of services) {
    const line = [name.padEnd(10), running ? 'running' : 'stopped', address, details].join('  ');
    print(`${line.trimEnd()}\n`);
  }
  return services.every(({ running }) => running) ? exitCodes.done : exitCodes.someWorkFailed;
}

await runMain(async (signal) => {
  let exitCode: ExitCode = exitCodes.done;
  const command = createCommand(
    'services',
    'Runs Kafka, a schema registry and ClickHouse on this machine, in the background.',
  );
  const add = (name: string, description: string, work: (settings: Settings) => Promise<ExitCode>) =>
    command
      .command(name)
      .description(description)
      .allowExcessArguments(false)
      .exitOverride()
      .action(async () => {
        exitCode = await work(loadSettings());
      });
  const upHelp =
    'Starts the services that are not running, waits until all are ready, and prints the settings to export.';
  add('up', upHelp, (settings) => up(settings, signal));
  add('down', 'Stops the services and keeps their data.', async (settings) => {
    await stopServices(settings);
    return exitCodes.done;
  });
  add('status', 'Prints one line per service, and exits with 1 if any is not running.', status);
  await command.parseAsync();
  return exitCode;
});
