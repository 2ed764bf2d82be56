import { mkdirSync, writeFileSync } from 'node:fs';
import { createCommand, exitCodes, runMain } from '../../core/process.ts';
import { print } from '../../core/terminal/terminal.ts';
import { referenceFolder, referencePages } from './reference.ts';

await runMain(async () => {
  createCommand('docs', 'Writes docs/reference from the settings, the commands and the schemas.').parse();
  mkdirSync(referenceFolder, { recursive: true });
  for (const [name, text] of await referencePages()) {
    writeFileSync(new URL(name, referenceFolder), text);
    print(`docs/reference/${name}\n`);
  }
  return exitCodes.done;
});
