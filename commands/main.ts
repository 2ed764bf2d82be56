#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { commandList } from './command-list.ts';

// The executable of the package. Its first argument names the command, which receives the rest.
const [, , name = ''] = process.argv;
const command = Object.hasOwn(commandList, name) ? commandList[name] : undefined;
if (command === undefined) {
  await runMain(() => {
    parseWithoutCommand();
    return Promise.resolve(exitCodes.done);
  });
} else {
  // Makes stack traces refer to the TypeScript sources.
  process.setSourceMapsEnabled(true);
  process.argv.splice(2, 1);
  await command.run();
}

/**
 * Prints the help, the version, or an error for an unknown command or option.
 * @throws CommanderError in each of these cases: it contains the exit code.
 */
function parseWithoutCommand(): void {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  const program = createCommand('', 'Copies ChartMogul to Kafka (Avro) and ClickHouse.')
    .name('chartmogul-clickhouse')
    .version(version, '-V, --version', 'prints the version')
    .helpCommand(false)
    .addHelpText('after', '\nEach command has --help, and reads its settings from the environment and .env.');
  for (const [each, { about }] of Object.entries(commandList)) program.command(each).description(about);
  program.parse();
}
