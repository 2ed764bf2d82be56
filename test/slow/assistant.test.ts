import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { runCommand, runShell } from '../helpers/command.ts';
import { callTool } from '../helpers/mcp.ts';
import { startOnTerminal } from '../helpers/pseudo-terminal.ts';

const ENTRY = 'commands/assistant.ts';
const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };

function createFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'assistant-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('assistant refuses to change files without a terminal, unless --yes is given', async (t) => {
  const folder = createFolder(t);
  const init = (...more: string[]) =>
    runCommand(t, ENTRY, ['init', '--for', 'claude', '--folder', folder, ...more], env);
  const first = await init();
  assert.equal(first.exitCode, 0, first.stderr);
  assert.match(first.stdout, /^created {4}\.mcp\.json: /m);
  const again = await init();
  assert.equal(again.exitCode, 0);
  assert.match(again.stdout, /^unchanged {2}CLAUDE\.md: /m);

  writeFileSync(join(folder, 'CLAUDE.md'), '# Mine\n');
  const refused = await init();
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /^assistant would change CLAUDE\.md in .*--dry-run.*--yes\n$/);
  assert.equal(readFileSync(join(folder, 'CLAUDE.md'), 'utf8'), '# Mine\n');
  const shown = await init('--dry-run');
  assert.match(shown.stdout, /^ {2}\+ ## ChartMogul pipeline$/m);
  assert.equal(readFileSync(join(folder, 'CLAUDE.md'), 'utf8'), '# Mine\n');
  const forced = await init('--yes');
  assert.equal(forced.exitCode, 0);
  assert.match(readFileSync(join(folder, 'CLAUDE.md'), 'utf8'), /^# Mine\n\n<!-- BEGIN/);

  const wrong = await runCommand(t, ENTRY, ['init', '--for', 'cluade'], env);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /^--for got "cluade": did you mean claude\?\n$/);
});

test('on a terminal, assistant asks before it changes a file, and "no" keeps the file', async (t) => {
  const folder = createFolder(t);
  writeFileSync(join(folder, '.cursorignore'), 'dist/\n');
  const args = ['init', '--for', 'cursor', '--folder', folder];
  const no = startOnTerminal(t, ENTRY, args, env);
  await no.shown('Change .cursorignore? [y/N]');
  assert.match(no.text(), /\+ \.env/);
  no.type('n\r');
  assert.equal(await no.exitCode, 1);
  assert.equal(readFileSync(join(folder, '.cursorignore'), 'utf8'), 'dist/\n');
  assert.deepEqual(readdirSync(folder).sort(), ['.cursor', '.cursorignore']);
  const yes = startOnTerminal(t, ENTRY, args, env);
  await yes.shown('Change .cursorignore? [y/N]');
  yes.type('y\r');
  assert.equal(await yes.exitCode, 0);
  assert.match(readFileSync(join(folder, '.cursorignore'), 'utf8'), /^dist\/\n\n# Secrets\n\.env\n/);
});

test("the command in Claude's settings starts a server that responds", async (t) => {
  const folder = createFolder(t);
  // Use start.mjs: the built commands of a test run do not belong to a package that the settings
  // could start.
  const line = `"${process.execPath}" start.mjs ${ENTRY} init --for claude --folder "${folder}"`;
  assert.equal((await runShell(t, line, env)).exitCode, 0);
  const { mcpServers } = JSON.parse(readFileSync(join(folder, '.mcp.json'), 'utf8')) as {
    mcpServers: { chartmogul: { command: string; args: string[] } };
  };
  const { command, args } = mcpServers.chartmogul;
  const client = new Client({ name: 'test', version: '1' });
  // The client reports an error if stdout contains anything but the protocol.
  client.onerror = (error) => assert.fail(error);
  const path = { PATH: env.PATH ?? '', HOME: env.HOME ?? '' };
  await client.connect(new StdioClientTransport({ command, args, env: path, cwd: folder, stderr: 'ignore' }));
  t.after(() => client.close());
  const { text } = await callTool(client, 'explain_error', { error: 'ETL_CONFIG' });
  assert.match(text, /^ETL_CONFIG/);
});
