import { ConfigError } from '../../core/errors.ts';
import { isPackage } from '../../core/installation.ts';
import {
  aroundSection,
  listWith,
  mergeJson,
  mergeLines,
  mergeSection,
  objectIn,
  type Marks,
} from './merge.ts';
import { projectRules } from './rules.ts';

export const assistantClients = ['claude', 'cursor', 'codex'] as const;
export type AssistantClient = (typeof assistantClients)[number];

export interface AssistantFile {
  /** The path relative to the folder of the user's project. */
  readonly path: string;
  readonly about: string;
  /** Returns the new content. @throws ConfigError if the existing content cannot be merged. */
  readonly merge: (existing: string | undefined) => string;
}

/** Files with secrets, as .gitignore patterns. */
const secretFiles = ['.env', '.env.*', '*.pem', '*.key', 'secrets/', '.data/'];

const markdownMarks: Marks = {
  begin: '<!-- BEGIN chartmogul-clickhouse: `npm run assistant -- init` replaces this section -->',
  end: '<!-- END chartmogul-clickhouse -->',
};
const tomlMarks: Marks = {
  begin: '# BEGIN chartmogul-clickhouse: `npm run assistant -- init` replaces this section',
  end: '# END chartmogul-clickhouse',
};

/** Returns the files of a client. @param root the folder whose settings the server reads. */
export function assistantFiles(client: AssistantClient, root: string): readonly AssistantFile[] {
  switch (client) {
    case 'claude':
      return claudeFiles(root);
    case 'cursor':
      return cursorFiles(root);
    case 'codex':
      return codexFiles(root);
  }
}

/**
 * Returns the command that starts the server. `--silent` keeps npm's own output out of the
 * protocol. `--prefix` runs the script in the checkout. `--no` makes npx fail if the package is not
 * installed, instead of downloading it.
 */
function serverOf(root: string) {
  if (isPackage) return { command: 'npx', args: ['--no', 'chartmogul-clickhouse', 'mcp'] };
  return { command: 'npm', args: ['run', '--silent', '--prefix', root, 'mcp'] };
}

function mcpJson(path: string, root: string): AssistantFile {
  const merge = (existing: string | undefined) =>
    mergeJson(path, existing, (content) => {
      const servers = objectIn(content, 'mcpServers');
      const own = { ...objectIn(servers, 'chartmogul'), type: 'stdio', ...serverOf(root) };
      return { ...content, mcpServers: { ...servers, chartmogul: own } };
    });
  return { path, about: 'starts the MCP server', merge };
}

function markdownRules(path: string, root: string): AssistantFile {
  return {
    path,
    about: 'rules about the pipeline',
    merge: (existing) => mergeSection(existing, markdownMarks, projectRules(root)),
  };
}

function claudeFiles(root: string): readonly AssistantFile[] {
  const path = '.claude/settings.json';
  // `//` begins an absolute path. The checkout may be outside the project.
  const inCheckout = ['.env', '.env.*', '.data/**', 'secrets/**'].map((file) => `/${root}/${file}`);
  const inProject = secretFiles.map((file) => `./**/${file.replace(/\/$/, '/**')}`);
  const deny = [...inProject, ...inCheckout].flatMap((file) => [`Read(${file})`, `Edit(${file})`]);
  return [
    mcpJson('.mcp.json', root),
    {
      path,
      about: 'keeps secrets out of reach',
      merge: (existing) =>
        mergeJson(path, existing, (content) => {
          const permissions = objectIn(content, 'permissions');
          return { ...content, permissions: { ...permissions, deny: listWith(permissions, 'deny', deny) } };
        }),
    },
    markdownRules('CLAUDE.md', root),
  ];
}

function cursorFiles(root: string): readonly AssistantFile[] {
  const head = '---\ndescription: ChartMogul pipeline\nalwaysApply: true\n---\n\n';
  return [
    mcpJson('.cursor/mcp.json', root),
    {
      path: '.cursorignore',
      about: 'keeps secrets out of reach',
      merge: (existing) => mergeLines(existing, '# Secrets', secretFiles),
    },
    {
      path: '.cursor/rules/chartmogul.mdc',
      about: 'rules about the pipeline',
      merge: () => `${head}${projectRules(root)}\n`,
    },
  ];
}

function codexFiles(root: string): readonly AssistantFile[] {
  const path = '.codex/config.toml';
  return [
    {
      path,
      about: 'starts the MCP server, keeps secrets out of reach',
      merge: (existing) => {
        const { before, after = '' } = aroundSection(existing ?? '', tomlMarks);
        if (/^\s*\[mcp_servers\.chartmogul\]/m.test(before + after))
          throw new ConfigError(`${path} must not already have [mcp_servers.chartmogul]: remove that table`);
        return mergeSection(existing, tomlMarks, codexConfig(root, before.trim() === ''));
      },
    },
    markdownRules('AGENTS.md', root),
  ];
}

/** @param isFirst whether the section begins the file. Otherwise, it cannot select the profile. */
function codexConfig(root: string, isFirst: boolean): string {
  const { command, args } = serverOf(root);
  const chooses = [
    '# Codex loads this file once you trust the project.',
    ...(isFirst
      ? ['default_permissions = "chartmogul"']
      : ['# To use the profile below, set at the top of this file: default_permissions = "chartmogul"']),
  ];
  const denied = secretFiles.map((file) => `**/${file.replace(/\/$/, '/**')}`);
  return [
    ...chooses,
    '',
    '[mcp_servers.chartmogul]',
    `command = ${JSON.stringify(command)}`,
    `args = [${args.map((arg) => JSON.stringify(arg)).join(', ')}]`,
    'startup_timeout_sec = 60',
    '',
    '[permissions.chartmogul]',
    'extends = ":workspace"',
    '',
    '[permissions.chartmogul.filesystem]',
    'glob_scan_max_depth = 6',
    ...['.env', '.data', 'secrets'].map((file) => `${JSON.stringify(`${root}/${file}`)} = "deny"`),
    '',
    '[permissions.chartmogul.filesystem.":workspace_roots"]',
    ...denied.map((file) => `${JSON.stringify(file)} = "deny"`),
  ].join('\n');
}
