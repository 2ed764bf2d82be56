import { ConfigError, messageOf } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { loadSettings } from '../core/settings/config.ts';
import { print } from '../core/terminal/terminal.ts';
import { checkServices } from '../operations/status/check-services.ts';

await runMain(async (signal) => {
  createCommand('ping', 'Checks the ChartMogul key, Kafka, the schema registry and ClickHouse.').parse();
  const checks = await checkServices(loadSettings(), signal);
  for (const check of checks) {
    const [result, text] =
      'error' in check ? ['FAILED', messageOf(check.error)] : ['ok    ', check.description];
    print(`${check.name.padEnd(11)} ${result}  ${text}\n`);
  }
  const errors = checks.flatMap((check) => ('error' in check ? [check.error] : []));
  // A setting that the user has to change makes every command exit with 2.
  if (errors.some((error) => error instanceof ConfigError)) return exitCodes.wrongSettings;
  return errors.length > 0 ? exitCodes.someWorkFailed : exitCodes.done;
});
