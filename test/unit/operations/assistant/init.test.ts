import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { assistantClients, type AssistantClient } from '../../../../operations/assistant/clients.ts';
import { planFiles, writeChange } from '../../../../operations/assistant/init.ts';

const ROOT = '/opt/chart mogul';

function createFolder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'assistant-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function init(client: AssistantClient, folder: string): Record<string, string> {
  const changes = planFiles(client, folder, ROOT);
  for (const change of changes) if (change.state !== 'same') writeChange(folder, change);
  return Object.fromEntries(changes.map(({ path }) => [path, readFileSync(join(folder, path), 'utf8')]));
}

const paths: Readonly<Record<AssistantClient, readonly string[]>> = {
  claude: ['.mcp.json', '.claude/settings.json', 'CLAUDE.md'],
  cursor: ['.cursor/mcp.json', '.cursorignore', '.cursor/rules/chartmogul.mdc'],
  codex: ['.codex/config.toml', 'AGENTS.md'],
};

for (const client of assistantClients) {
  test(`the files of ${client} are created, and a second run changes nothing`, (t) => {
    const folder = createFolder(t);
    const planned = planFiles(client, folder, ROOT);
    assert.deepEqual(
      planned.map(({ path, state }) => [path, state]),
      paths[client].map((path) => [path, 'new']),
    );
    assert.ok(!existsSync(join(folder, paths[client][0] ?? '')), 'planFiles has written a file');
    const files = init(client, folder);
    for (const path of paths[client]) assert.equal(statSync(join(folder, path)).mode & 0o777, 0o644, path);
    assert.deepEqual(
      planFiles(client, folder, ROOT).map(({ state, lines }) => [state, lines.length]),
      paths[client].map(() => ['same', 0]),
    );
    const all = Object.values(files).join('\n');
    // The files start the server without npm's own output and deny access to every kind of secret.
    assert.match(all, /"run", ?\s*"--silent", ?\s*"--prefix", ?\s*"\/opt\/chart mogul", ?\s*"mcp"/);
    for (const secret of ['.env', '*.pem', '*.key', '.data/']) assert.ok(all.includes(secret), secret);
    assert.match(all, /Never read `\.env`/);
    assert.doesNotMatch(all, /API_KEY|PASSWORD|"env"/);
  });
}

test('existing Claude settings are kept, and the server and the rules are added', (t) => {
  const folder = createFolder(t, {
    '.mcp.json':
      '{"mcpServers": {"other": {"command": "x"}, "chartmogul": {"command": "old", "env": {"A": "1"}}}}',
    '.claude/settings.json':
      '{\n    "model": "m",\n    "permissions": {"allow": ["Bash(ls)"], "deny": ["Read(./mine)"]}\n}\n',
    'CLAUDE.md': '# My project\n\nBe brief.\n',
  });
  assert.deepEqual(
    planFiles('claude', folder, ROOT).map(({ state }) => state),
    ['changed', 'changed', 'changed'],
  );
  const files = init('claude', folder);
  const { mcpServers } = JSON.parse(files['.mcp.json'] ?? '') as { mcpServers: Record<string, unknown> };
  assert.deepEqual(mcpServers['other'], { command: 'x' });
  assert.deepEqual(mcpServers['chartmogul'], {
    ...{ command: 'npm', env: { A: '1' }, type: 'stdio' },
    args: ['run', '--silent', '--prefix', ROOT, 'mcp'],
  });
  const settings = JSON.parse(files['.claude/settings.json'] ?? '') as {
    model: string;
    permissions: { allow: string[]; deny: string[] };
  };
  assert.equal(settings.model, 'm');
  assert.deepEqual(settings.permissions.allow, ['Bash(ls)']);
  assert.equal(settings.permissions.deny[0], 'Read(./mine)');
  for (const rule of ['Read(./**/.env)', 'Edit(./**/*.pem)', `Read(/${ROOT}/.env)`])
    assert.ok(settings.permissions.deny.includes(rule), rule);
  assert.match(files['CLAUDE.md'] ?? '', /^# My project\n\nBe brief\.\n\n<!-- BEGIN/);
});

test("an existing Codex file keeps its tables, and the user's sandbox mode stays in force", (t) => {
  const own = 'model = "m"\nsandbox_mode = "read-only"\n\n[mcp_servers.other]\ncommand = "x"\n';
  const folder = createFolder(t, { '.codex/config.toml': own });
  const text = init('codex', folder)['.codex/config.toml'] ?? '';
  assert.ok(text.startsWith(own));
  assert.doesNotMatch(text, /^default_permissions/m);
  assert.match(text, /^\[mcp_servers\.chartmogul\]$/m);
  const fresh = init('codex', createFolder(t))['.codex/config.toml'] ?? '';
  assert.ok(fresh.indexOf('\ndefault_permissions = "chartmogul"\n') < fresh.indexOf('\n['));
});

for (const [name, client, files, message] of [
  ['JSON with comments', 'claude', { '.mcp.json': '// mine\n{}' }, /^\.mcp\.json must be JSON/],
  [
    'a list instead of an object',
    'cursor',
    { '.cursor/mcp.json': '[]' },
    /^\.cursor\/mcp\.json must be a JSON object/,
  ],
  [
    'an existing table for the server',
    'codex',
    { '.codex/config.toml': '[mcp_servers.chartmogul]\ncommand = "x"\n' },
    /^\.codex\/config\.toml must not already have \[mcp_servers\.chartmogul\]/,
  ],
  ['a folder instead of a file', 'claude', { 'CLAUDE.md/x': '' }, /^CLAUDE\.md must be a file/],
] as const) {
  test(`a project with ${name} is refused before anything is written`, (t) => {
    const folder = createFolder(t, files);
    assert.throws(
      () => planFiles(client, folder, ROOT),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('planFiles rejects a symbolic link that leads out of the folder', (t) => {
  const outside = createFolder(t, { 'notes.md': 'mine' });
  for (const [path, target] of [
    ['CLAUDE.md', join(outside, 'notes.md')],
    ['.claude', outside],
    ['.mcp.json', '/nowhere'],
  ] as const) {
    const folder = createFolder(t);
    symlinkSync(target, join(folder, path));
    assert.throws(
      () => planFiles('claude', folder, ROOT),
      /must not be a symbolic link out of the folder/,
      path,
    );
  }
});

test('planFiles rejects a folder that does not exist', () => {
  assert.throws(() => planFiles('claude', '/no/such/folder', ROOT), /^ConfigError: --folder must be/);
});

test('a file that appears after the plan is not overwritten', (t) => {
  const folder = createFolder(t);
  const [change] = planFiles('claude', folder, ROOT);
  assert.ok(change);
  writeFileSync(join(folder, change.path), 'mine');
  assert.throws(() => writeChange(folder, change), /EEXIST/);
});
