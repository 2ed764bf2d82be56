import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCommand, exitCodes, runMain } from '../../core/process.ts';
import { print } from '../../core/terminal/terminal.ts';
import { referenceFolder, referencePages } from './reference.ts';

await runMain(async () => {
  createCommand(
    'docs',
    'Writes docs/reference and docs/queries.md from the settings, commands, schemas and questions.',
  ).parse();
  mkdirSync(referenceFolder, { recursive: true });
  for (const [name, text] of await referencePages()) {
    writeFileSync(new URL(name, referenceFolder), text);
    print(`${join('docs/reference', name)}\n`);
  }
  return exitCodes.done;
});
