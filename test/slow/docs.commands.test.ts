import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { freePort } from '../../services/local-address.ts';
import { scriptOf } from '../helpers/command.ts';
import { documentedPages, shellBlocks, textOf } from '../helpers/documented.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { waitFor } from '../helpers/wait-for.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const WITHIN_MS = 120_000;

/**
 * Lines that another test runs, because they require other services or a value for a placeholder,
 * or take a long time.
 */
const elsewhere: readonly (readonly [line: RegExp, test: string])[] = [
  [/^npm run demo/, 'test/slow/package.test.ts'],
  [/^npm run services /, 'test/slow/services.lifecycle.test.ts'],
  [/^npm run dead-letters -- (?:show|discard) ID/, 'test/integration/dead-letters.test.ts'],
  [/^npm run import /, 'test/slow/import.test.ts'],
  [/npm run export -- --to postgres:/, 'test/slow/export.postgres.test.ts'],
  [/npm run export -- --to s3:/, 'test/slow/export.s3.test.ts'],
  [/--streams credit_notes/, 'test/slow/examples.add-a-stream.test.ts'],
  [/^npm run bench -- baseline/, 'test/slow/cost.test.ts'],
  [/^promtool /, 'test/slow/alerts.test.ts'],
  [/^(?:npm install |npm run package\b|chartmogul-clickhouse )/, 'test/slow/package.test.ts'],
];

/** The commands that may run. Other commands might reach a developer's cluster or containers. */
const harmless = /^(?:[A-Z_]+=\S+ )*(?:npm run |curl http:\/\/127\.0\.0\.1:|openssl rand |chmod 600 )/;

/** Commands that only read. They run at the end, several at a time. */
const reading = /^npm run (?:-s )?(?:query|status|ping|dead-letters -- list|assistant)\b(?!.*--watch)/;
const READING_AT_A_TIME = 4;

/**
 * Pages whose blocks belong together. A command that a block starts runs until the end of the page.
 */
const together = new Set(['docs/how-to/webhook.md']);

/**
 * Pages whose commands have their own test, and the page about the development of this repository.
 */
const pagesElsewhere = /^(?:examples\/|CONTRIBUTING\.md)/;

/** Commands that run until they are stopped, and the output that shows that they work. */
const lasting: readonly (readonly [line: RegExp, ready: RegExp])[] = [
  [/npm run sink(?!.*--until-caught-up)/, /consuming topics/],
  [/npm run produce .*--(?:every|cron)/, /"next run"|"metrics and health are served"|^$/],
  [/npm run status .*--watch/, /\S/],
  [/npm run (?:show|webhook|simulate|mcp -- --http)/, /http:\/\//],
];

interface Running {
  readonly line: string;
  readonly child: ChildProcess;
  output: string;
}

test('the commands in the docs succeed', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 12 });
  const place = await createPlace(t, environmentOf(createSettings(t, baseUrl)));
  const seen = new Set<string>();
  const failures: string[] = [];
  const later: { readonly page: string; readonly line: string; readonly script: string }[] = [];
  for (const page of documentedPages.filter((name) => !pagesElsewhere.test(name))) {
    const running: Running[] = [];
    const stop = async () =>
      failures.push(...(await place.stop(running.splice(0))).map((failure) => `${page}: ${failure}`));
    for (const { lines, notRun } of shellBlocks(page)) {
      if (notRun !== undefined) continue;
      const exports: string[] = [];
      for (const line of lines) {
        const script = [...exports, line].join('\n');
        if (/^export [^|;]*$/.test(line)) exports.push(...(line.includes('…') ? [] : [line]));
        else if (isRunHere(line) && (!seen.has(script) || running.length > 0)) {
          seen.add(script);
          if (running.length === 0 && reading.test(line)) {
            later.push({ page, line, script });
            continue;
          }
          const failure = harmless.test(line)
            ? await place.run(line, script, running)
            : 'is not known to be harmless: mark it with <!-- not run: needs … -->';
          if (failure !== undefined) failures.push(`${page}: ${line}\n${failure}`);
        }
      }
      if (!together.has(page)) await stop();
    }
    await stop();
  }
  const limit = pLimit(READING_AT_A_TIME);
  const ended = later.map(({ page, line, script }) =>
    limit(async () => {
      const failure = await place.run(line, script, []);
      if (failure !== undefined) failures.push(`${page}: ${line}\n${failure}`);
    }),
  );
  await Promise.all(ended);
  assert.deepEqual(failures, []);
});

test('every test that covers a documented command exists', () => {
  for (const [, path] of elsewhere) assert.ok(existsSync(join(root, path)), path);
});

function isRunHere(line: string): boolean {
  return !line.startsWith('#') && !elsewhere.some(([pattern]) => pattern.test(line));
}

/**
 * Creates a folder like a checkout, with the settings of the test and an `npm` that starts built
 * commands.
 */
async function createPlace(t: TestContext, settings: NodeJS.ProcessEnv) {
  const folder = mkdtempSync(join(tmpdir(), 'docs-commands-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const checkout = join(folder, 'checkout');
  for (const name of ['checkout', 'bin', 'secrets', 'my-project']) mkdirSync(join(folder, name));
  for (const name of ['docs', 'deploy', 'examples', 'queries'])
    symlinkSync(join(root, name), join(checkout, name));
  cpSync(join(root, 'docs/how-to/import.ndjson'), join(checkout, 'records.ndjson'));
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  writeFileSync(join(folder, 'bin/npm'), npmScript(scripts), { mode: 0o755 });
  const ports = new Map<string, number>();
  for (const port of ['4042', '4040', '9090', '9091']) ports.set(port, await freePort());
  const env = {
    ...settings,
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    DATA_DIR: settings['DATA_DIR'],
    SHOW_PORT: String(await freePort()),
    WEBHOOK_PORT: String(await freePort()),
  };

  /** Replaces fixed ports with free ones, and secret files with temporary files. */
  const adapted = (script: string) =>
    script
      .replace(/\b(?:4042|4040|9090|9091)\b/g, (port) => String(ports.get(port)))
      .replace(/\/run\/secrets\/([\w-]+)/g, (_, name: string) => {
        const file = join(folder, 'secrets', name);
        writeFileSync(file, 'a-secret-of-the-test');
        return file;
      });

  const start = (line: string, script: string): Running => {
    const child = spawn('bash', ['-euc', adapted(script)], {
      cwd: checkout,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const running: Running = { line, child, output: '' };
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (running.output += text));
    t.after(() => signal(running, 'SIGKILL'));
    return running;
  };

  return {
    /** Runs a line until it ends or is ready. Returns the reason for a failure. */
    run: async (line: string, script: string, running: Running[]): Promise<string | undefined> => {
      const started = start(line, script);
      const ready = lasting.find(([pattern]) => pattern.test(line))?.[1];
      if (ready === undefined) {
        const [code] = (await once(started.child, 'close')) as [number | null];
        return code === 0 ? undefined : `exit code ${code}: ${started.output.slice(-1_500)}`;
      }
      running.push(started);
      const isOver = () => started.child.exitCode !== null;
      await waitFor(line, () => isOver() || ready.test(started.output), WITHIN_MS).catch(() => undefined);
      return ready.test(started.output) ? undefined : `never ready: ${started.output.slice(-1_500)}`;
    },
    /** Stops the commands that are still running, as Ctrl-C does. Returns their failures. */
    stop: async (running: readonly Running[]): Promise<string[]> => {
      const ended = running.map(async (one) => {
        if (one.child.exitCode !== null) return [];
        const closed = once(one.child, 'close') as Promise<[number | null]>;
        signal(one, 'SIGINT');
        const [code] = await closed;
        return code === 0 || code === 130 || code === null
          ? []
          : [`${one.line}\nended with ${code}: ${one.output.slice(-800)}`];
      });
      return (await Promise.all(ended)).flat();
    },
  };
}

/** Signals the whole group: bash waits for the command that it started. */
function signal({ child }: Running, name: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // The process has just ended.
  }
}

/** Returns a program that runs `npm run [-s] [--prefix P] NAME [-- ARGS]`. */
function npmScript(scripts: Readonly<Record<string, string>>): string {
  const cases = Object.entries(scripts).flatMap(([name, script]) => {
    const entry = /start\.mjs (\S+)/.exec(script)?.[1];
    if (entry === undefined) return [];
    const [first = '', ...rest] = scriptOf(entry);
    const program = isAbsolute(first) ? first : join(root, first);
    // The default port may be in use.
    const more = name === 'simulate' ? ' --port 0' : '';
    return [`${name}) exec ${[process.execPath, program, ...rest].join(' ')} "$@"${more};;`];
  });
  return `#!/bin/bash
shift
while [[ "$1" == -* ]]; do [[ "$1" == --prefix ]] && shift; shift; done
name="$1"; shift
[[ "\${1:-}" == -- ]] && shift
case "$name" in
${cases.join('\n')}
*) echo "unknown script $name" >&2; exit 64;;
esac
`;
}

test('each reason not to run a block names a requirement', () => {
  for (const page of documentedPages)
    for (const { notRun } of shellBlocks(page))
      if (notRun !== undefined) assert.match(notRun, /^needs /, page);
});
