import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../core/errors.ts';
import { isPackage } from '../core/installation.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { oneOf } from '../core/settings/setting-values.ts';
import { canAsk, confirm } from '../core/terminal/confirm.ts';
import { print } from '../core/terminal/terminal.ts';
import { assistantClients, type AssistantClient } from '../operations/assistant/clients.ts';
import { planFiles, writeChange, type FileChange } from '../operations/assistant/init.ts';

interface Options {
  readonly for: AssistantClient;
  readonly folder: string;
  readonly yes?: true;
  readonly dryRun?: true;
}

const checkout = fileURLToPath(new URL('../', import.meta.url)).replace(/[/\\]$/, '');

const done = { new: 'created', changed: 'changed', same: 'unchanged' } as const;
const planned = { new: 'creates', changed: 'changes', same: 'keeps' } as const;

await runMain(async (signal) => {
  let run: () => Promise<ExitCode> = () => Promise.resolve(exitCodes.wrongSettings);
  const command = createCommand('assistant', 'Prepares a project for an assistant that uses the MCP server.');
  command
    .command('init')
    .description(
      "Writes the settings that start the server, rules about the pipeline, and entries that keep secrets out of the assistant's reach.",
    )
    .requiredOption('--for <client>', `the assistant (required): ${assistantClients.join(', ')}`, (text) =>
      oneOf('--for', text, assistantClients),
    )
    .option('--folder <path>', 'the folder in which you open the assistant', '.')
    .option('--yes', 'changes existing files without asking; required without a terminal')
    .option('--dry-run', 'shows what would change, and writes nothing')
    .action((options: Options) => {
      run = () => init(options, signal);
    });
  command.parse();
  return run();
});

async function init({ for: client, folder, yes, dryRun }: Options, signal: AbortSignal): Promise<ExitCode> {
  const target = resolve(folder);
  // An installed package contains no settings: the server reads those of the folder in which it
  // starts.
  const changes = planFiles(client, target, isPackage ? target : checkout);
  if (dryRun === true) {
    for (const change of changes) print(`${lineOf(change, planned)}\n${diffOf(change)}`);
    return exitCodes.done;
  }
  const changed = changes.filter(({ state }) => state === 'changed');
  if (changed.length > 0 && yes !== true && !canAsk())
    throw new ConfigError(
      `assistant would change ${changed.map(({ path }) => path).join(', ')} in ${target}: view the changes with --dry-run, then confirm with --yes`,
    );
  let skipped = 0;
  for (const change of changes) {
    const asks = change.state === 'changed' && yes !== true;
    if (asks) print(`${lineOf(change, planned)}\n${diffOf(change)}`, process.stderr);
    if (asks && !(await confirm(`Change ${change.path}?`, signal))) {
      skipped++;
      print(`skipped    ${change.path}\n`);
      continue;
    }
    if (change.state !== 'same') writeChange(target, change);
    print(`${lineOf(change)}\n`);
  }
  print(
    `Restart the assistant in ${target}, and ask it to call check_connections. For details, see docs/assistants.md.\n`,
  );
  return skipped > 0 ? exitCodes.someWorkFailed : exitCodes.done;
}

function lineOf({ state, path, about }: FileChange, words: typeof done | typeof planned = done): string {
  return `${words[state].padEnd(9)}  ${path}: ${about}`;
}

function diffOf({ lines }: FileChange): string {
  return lines.map((line) => `  ${line}\n`).join('');
}
