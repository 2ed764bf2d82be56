import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../core/settings/child-environment.ts';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { freePort } from '../services/local-address.ts';
import { startServices, stopServices } from '../services/local-services.ts';
import { buildCommands } from './runner/build.ts';
import { entryOf, groupsOf } from './runner/groups.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

const fastKinds = ['unit', 'integration'];
const slowKinds = ['slow'];

/** The time limit for a process. It exceeds TEST_MS, because a process runs many tests. */
const TIMEOUT_MS = 1_500_000;
/** The time limits for one test, so that the output names a test that hangs. */
const TEST_MS = { fast: 180_000, slow: 1_200_000 };
/** Measures CPU time, so it runs alone. */
const MEASUREMENT = 'test/slow/cost.test.ts';
/** The number of parallel processes. They often wait for services, so four keep two cores busy. */
const CONCURRENCY = 4;

/**
 * Starts Kafka, a schema registry and ClickHouse on free ports with their files in a temporary
 * folder, runs the tests under node's test runner, and stops the services. If only unit tests run,
 * it starts no services. If a service does not start, the run fails with an error that names it.
 */
await runMain(async (signal) => {
  const command = createCommand(
    'test',
    'Runs the unit and integration tests, or those whose path contains one of the words.',
  )
    .argument('[words...]', 'parts of paths, such as `paginator` or `integration/sink`')
    .option('--slow', 'run the tests in test/slow instead, which take minutes')
    .parse();
  const kinds = command.opts<{ slow?: true }>().slow === true ? slowKinds : fastKinds;
  const files = chooseFiles(kinds, command.args);
  const dataDir = await mkdtemp(join(tmpdir(), 'chartmogul-test-'));
  const commands = join(dataDir, 'commands');
  const limitMs = kinds === slowKinds ? TEST_MS.slow : TEST_MS.fast;
  const env = { ...(await testEnv(dataDir)), TEST_COMMANDS: commands, TEST_LIMIT_MS: String(limitMs) };
  const needsServices = files.some((file) => !file.startsWith('test/unit/'));
  try {
    if (needsServices) {
      await buildCommands(root, commands);
      await startServices(loadSettings(env, ''), signal);
    }
    const parts = [
      files.filter((file) => file === MEASUREMENT),
      files.filter((file) => file !== MEASUREMENT),
    ];
    const codes: ExitCode[] = [];
    for (const part of parts)
      if (part.length > 0) codes.push(await runTests(entriesOf(part, dataDir), env, signal));
    return codes.every((code) => code === exitCodes.done) ? exitCodes.done : exitCodes.someWorkFailed;
  } finally {
    if (needsServices) await stopServices(loadSettings(env, ''));
    await rm(dataDir, { recursive: true, force: true });
  }
});

function chooseFiles(kinds: readonly string[], words: readonly string[]): string[] {
  const named = (kind: string) => filesOf(kind).filter((file) => isNamed(file, words));
  const files = kinds.flatMap(named);
  if (files.length > 0) return files;
  const isSlow = kinds !== slowKinds && slowKinds.flatMap(named).length > 0;
  const remedy = isSlow ? `; run \`npm run test:slow -- ${words.join(' ')}\`` : '';
  throw new ConfigError(`no test file has a path that contains ${words.join(' or ')}${remedy}`);
}

function filesOf(kind: string): string[] {
  return readdirSync(join(root, 'test', kind), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${kind}/${file}`);
}

function isNamed(file: string, words: readonly string[]): boolean {
  return words.length === 0 || words.some((word) => file.includes(word));
}

/** Returns the modules to run, each in a separate process, the slowest first. */
function entriesOf(files: readonly string[], folder: string): string[] {
  return groupsOf(files).map((group, index) => entryOf(group, index, root, folder));
}

/** Returns an environment without the user's settings, because tests start their own services. */
async function testEnv(dataDir: string): Promise<NodeJS.ProcessEnv> {
  return {
    ...childEnvironment(),
    ...controlVariables(),
    KAFKA_BROKERS: `127.0.0.1:${await freePort()}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}`,
    CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}`,
    DATA_DIR: dataDir,
  };
}

/** Returns the variables with which developers and CI control the tests. */
function controlVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(?:CI|LOG|SCREENSHOTS|FUZZ_\w+|KILL_SEED|EVENTS)$/.test(name),
    ),
  );
}

async function runTests(
  entries: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ExitCode> {
  const options = [
    '--import',
    'tsx',
    '--import',
    './test/runner/exit-watch.mjs',
    '--test',
    `--test-timeout=${TIMEOUT_MS}`,
    `--test-concurrency=${CONCURRENCY}`,
    ...['spec', './test/runner/summary.mjs'].flatMap((reporter) => [
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
    ]),
  ];
  const child = spawn(process.execPath, [...options, ...entries], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const onAbort = () => child.kill();
  signal.addEventListener('abort', onAbort, { once: true });
  const [code] = (await once(child, 'exit')) as [number | null];
  signal.removeEventListener('abort', onAbort);
  return code === 0 ? exitCodes.done : exitCodes.someWorkFailed;
}
