import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from '../helpers/command.ts';

const entries = {
  demo: 'commands/demo.ts',
  services: 'services/main.ts',
  simulate: 'simulator/main.ts',
  ping: 'commands/ping.ts',
  produce: 'commands/produce.ts',
  sink: 'commands/sink.ts',
  replay: 'commands/replay.ts',
  status: 'commands/status.ts',
  query: 'commands/query.ts',
  reconcile: 'commands/reconcile.ts',
  'dead-letters': 'commands/dead-letters.ts',
};

for (const [name, entry] of Object.entries(entries)) {
  test(`${name} explains itself with --help and refuses an option that it does not know`, async (t) => {
    const help = await runCommand(t, entry, ['--help'], { PATH: process.env['PATH'] });
    assert.equal(help.exitCode, 0);
    assert.match(help.stdout, new RegExp(`Usage: npm run ${name} --`));
    const wrong = await runCommand(t, entry, ['--no-such-option'], { PATH: process.env['PATH'] });
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, /^error: unknown option '--no-such-option'\n$/);
  });
}
