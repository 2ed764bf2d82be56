import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { contributorScripts } from '../../../docs/generate/commands-page.ts';
import { isSettingName } from '../../../core/settings/definitions.ts';
import { documentedPages, shellBlocks, textOf } from '../../helpers/documented.ts';

const scripts = Object.keys(
  (JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }).scripts,
);
/** The options by command or subcommand, such as `produce` or `services up`. */
const options = new Map<string, ReadonlySet<string>>();
for (const block of readFileSync(
  new URL('../../../docs/reference/commands.md', import.meta.url),
  'utf8',
).split('```text\n')) {
  const usage = /^Usage: npm run (\S+) --((?: [a-z-]+)*)/.exec(block);
  const names = [...block.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, name = '']) => name);
  if (usage !== null) options.set(`${usage[1]}${usage[2]}`, new Set(names));
}

interface Call {
  readonly place: string;
  readonly script: string;
  /** The arguments after `--`. */
  readonly args: string;
}

/** Every `npm run` in the docs, both in shell blocks and in inline code. */
const calls: readonly Call[] = documentedPages.flatMap((page) => {
  const inline = [...textOf(page).matchAll(/`((?:[A-Z_]+=\S+ )*npm run [^`]+)`/g)].map(
    ([, code = '']) => code,
  );
  const lines = shellBlocks(page).flatMap(({ lines: all }) => all);
  return [...inline, ...lines].flatMap((line) =>
    [...line.matchAll(/npm run (?:-s |--silent )?(?:--prefix \S+ )?([a-z:-]+)(?: -- ([^#|>]*))?/g)].map(
      ([, script = '', args = '']) => ({ place: `${page}: ${line}`, script, args }),
    ),
  );
});

test('every npm script that the docs name exists', () => {
  assert.ok(calls.length > 100);
  for (const { place, script } of calls) assert.ok(scripts.includes(script), place);
});

test('every option in the docs is an option of its command', () => {
  for (const { place, script, args } of calls) {
    if (contributorScripts.includes(script)) continue;
    const [first = ''] = args.trim().split(' ');
    const command = options.has(`${script} ${first}`) ? `${script} ${first}` : script;
    const known = options.get(command);
    assert.ok(known !== undefined, place);
    // Text in quotes is SQL, or the reason for discarding a dead letter.
    for (const [option] of args.replace(/"[^"]*"/g, '').matchAll(/--[a-z][a-z-]*/g))
      assert.ok(known.has(option), `${place}: ${command} has no ${option}`);
  }
});

/**
 * Variables that are not settings: CONFIG_FILE, and those of Node, docker-compose.yml, the tests
 * and other programs.
 */
const foreign = /^(?:NODE_EXTRA_CA_CERTS|CONFIG_FILE|VAULT_\w+|FUZZ_SEED|UPDATE_SAMPLES|CI|PATH|RUN_AS)$/;

test('every variable that a shell block sets is a setting or a listed exception', () => {
  for (const page of documentedPages) {
    for (const { lines } of shellBlocks(page)) {
      for (const line of lines) {
        const [bare = ''] = line.replace(/"[^"]*"/g, '').split('#');
        for (const [, name = ''] of bare.matchAll(/(?:^|\s)([A-Z][A-Z0-9_]+)=/g))
          assert.ok(isSettingName(name) || foreign.test(name), `${page}: ${line}`);
      }
    }
  }
});
