import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { runProgram } from '../../core/child-process.ts';
import { generatedNote } from './markdown.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The scripts that CONTRIBUTING.md explains. */
export const contributorScripts = [
  'test',
  'test:slow',
  'check',
  'format',
  'docs',
  'sbom',
  'build',
  'package',
  'prepack',
];

/** Limits the processes at a time to what two cores run well. */
const limit = pLimit(3);

/** Returns the arguments of node that run a command. */
export type ScriptOf = (entry: string) => readonly string[];

/** Returns the page that shows the `--help` of every command and subcommand in package.json. */
export async function commandsPage(scriptOf: ScriptOf): Promise<string> {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    scripts: Record<string, string>;
  };
  const entries = Object.entries(scripts).filter(([name]) => !contributorScripts.includes(name));
  const sections = await Promise.all(
    entries.map(async ([name, script]) => {
      const entry = /start\.mjs (\S+)/.exec(script)?.[1];
      if (entry === undefined) throw new Error(`the script ${name} does not run a command`);
      return `## ${name}\n\n${(await helpTexts(scriptOf(entry))).join('\n\n')}`;
    }),
  );
  return `${generatedNote}

# Commands

Options follow \`--\`: \`npm run produce -- --streams customers\`. Every command has \`--help\`.

- **Exit codes**: 0 done, 1 some of the work failed, 2 wrong settings or arguments. \`npm run\` ends with the
  command's code; after Ctrl-C it may end with 130 instead.
- **Output**: results go to stdout. The log goes to stderr, as JSON lines where stderr is not a terminal.
  \`npm run -s …\` suppresses npm's own two lines of output.
- **Ctrl-C** and SIGTERM stop a command cleanly. A second signal, at least one second later, ends it immediately.

[CONTRIBUTING.md](../../CONTRIBUTING.md) explains ${contributorScripts.map((name) => `\`${name}\``).join(', ')}.

${sections.join('\n\n')}
`;
}

/** Returns the help of a command, then of each of its subcommands. */
async function helpTexts(script: readonly string[]): Promise<string[]> {
  const help = await helpText(script);
  const commands = /^Commands:\n((?: {2,}.*\n?)+)/m.exec(help)?.[1] ?? '';
  const names = [...commands.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
  const texts = await Promise.all(
    names.filter((name) => name !== 'help').map((name) => helpText([...script, name])),
  );
  return [help, ...texts].map((text) => `\`\`\`text\n${text.trimEnd()}\n\`\`\``);
}

async function helpText(args: readonly string[]): Promise<string> {
  return (await limit(() => runProgram(process.execPath, [...args, '--help'], { cwd: root }))).stdout;
}
