import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment, loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { freePort } from '../services/local-address.ts';
import { startServices, stopServices } from '../services/local-services.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

const fastKinds = ['unit', 'integration'];
const slowKinds = ['slow'];

/**
 * Runs the tests under node's test runner, between the start and the stop of a Kafka, a registry and a ClickHouse of their
 * own: on free ports, with their files in a temporary folder. A service that does not start fails the run and is named.
 */
await runMain(async (signal) => {
  const command = createCommand(
    'test',
    'Runs the tests: all, or those whose file name contains a word given.',
  )
    .argument('[words...]', 'parts of file names, such as `paginator` or `integration/sink`')
    .option('--slow', 'run the tests that need minutes (test/slow) instead of the others')
    .parse();
  const kinds = command.opts<{ slow?: true }>().slow === true ? slowKinds : fastKinds;
  const files = chooseFiles(kinds, command.args);
  const dataDir = await mkdtemp(join(tmpdir(), 'chartmogul-test-'));
  const env = await testEnv(dataDir);
  const needsServices = files.some((file) => !file.startsWith('test/unit/'));
  try {
    if (needsServices) await startServices(loadSettings(env, ''), signal);
    return await runTests(files, env, signal);
  } finally {
    if (needsServices) await stopServices(loadSettings(env, ''));
    await rm(dataDir, { recursive: true, force: true });
  }
});

function chooseFiles(kinds: readonly string[], words: readonly string[]): string[] {
  const all = kinds.flatMap((kind) =>
    readdirSync(join(root, 'test', kind), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `test/${kind}/${file}`),
  );
  const files = all.filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
  if (files.length === 0) throw new ConfigError(`no test file has ${words.join(' or ')} in its name`);
  return files;
}

/** Settings of the user must not reach the tests: they get services of their own. */
async function testEnv(dataDir: string): Promise<NodeJS.ProcessEnv> {
  return {
    ...childEnvironment(),
    ...ownVariables(),
    KAFKA_BROKERS: `127.0.0.1:${await freePort()}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}`,
    CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}`,
    DATA_DIR: dataDir,
  };
}

/** By these a person steers tests. */
function ownVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(?:LOG|FUZZ_\w+)$/.test(name)));
}

async function runTests(
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ExitCode> {
  const options = [
    '--import',
    'tsx',
    '--test',
    '--test-timeout=480000',
    '--test-concurrency=2',
    '--test-reporter=spec',
  ];
  const child = spawn(process.execPath, [...options, ...files], {
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
