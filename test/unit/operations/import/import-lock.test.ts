import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RunActiveError } from '../../../../core/errors.ts';
import { claimImports } from '../../../../operations/import/import-lock.ts';
import { createFolder } from '../../../helpers/import-file.ts';

test('an import is refused while another process holds the claim, and replaces a stale claim', (t) => {
  const folder = createFolder(t);
  writeFileSync(join(folder, 'process'), `${process.ppid}\n`);
  assert.throws(
    () => claimImports(folder),
    (error) => error instanceof RunActiveError && error.message.includes(`process ${process.ppid}`),
  );
  for (const stale of ['999999999\n', 'no number', '']) {
    writeFileSync(join(folder, 'process'), stale);
    claimImports(folder)();
  }
});
