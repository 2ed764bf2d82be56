import assert from 'node:assert/strict';
import test from 'node:test';
import { startCommand, runCommand } from '../helpers/command.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createPlansServer } from '../helpers/plans-server.ts';
import { startOnTerminal } from '../helpers/pseudo-terminal.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const entry = 'commands/status.ts';

test('status --watch redraws the screen, shows problems first and restores the terminal', async (t) => {
  const { baseUrl } = await createPlansServer(t);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  const terminal = startOnTerminal(t, entry, ['--watch', '1s'], environmentOf(settings));
  await terminal.shown(/plans +(\d|–)/);
  await terminal.shown('no progress; check that `npm run sink`');
  terminal.type('\u0003');
  assert.equal(await terminal.exitCode, 0);
  const text = terminal.text();
  assert.ok(text.startsWith('\u001b[?1049h'));
  assert.ok(text.endsWith('\u001b[?25h\u001b[?1049l'));
  const lines = text.split('\u001b[H').flatMap((screen) => screen.split(/\u001b\[K(?:\r\r?\n)?/));
  assert.ok(lines.every((line) => line.replaceAll(/\u001b\[[?\w]+/g, '').length <= 80));
});

test('status --watch prints each status without a terminal, and one object per line with --json', async (t) => {
  const { baseUrl } = await createPlansServer(t);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  const env = environmentOf(settings);
  for (const [args, twice] of [
    [['--json'], /^(\{.*\}\n){2}/],
    [[], /^20\d\d-.*Z\n[^]*^20\d\d-.*Z\n[^]*\n\n/m],
  ] as const) {
    const command = startCommand(t, entry, ['--watch', '1s', ...args], env);
    await command.printed(twice);
    command.kill('SIGTERM');
    const { exitCode, stdout } = await command.result;
    assert.equal(exitCode, 0);
    if (args.length > 0)
      for (const line of stdout.trim().split('\n')) assert.ok('streams' in (JSON.parse(line) as object));
    else assert.match(stdout, /^plans +~?\d/m);
  }
  const checked = await runCommand(t, entry, ['--watch', '--check'], env);
  assert.equal(checked.exitCode, 2);
  assert.equal(checked.stderr, '--watch and --check must not be given together\n');
  const unknown = await runCommand(t, entry, ['--watch', '--streams', 'unicorns'], env);
  assert.equal(unknown.exitCode, 2);
});
