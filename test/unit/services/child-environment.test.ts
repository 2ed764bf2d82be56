import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../../core/settings/child-environment.ts';
import { settingDocs } from '../../../core/settings/config.ts';
import { runShell } from '../../helpers/command.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const SECRET = 's3cretOfOurs';

/** Settings that contain a planted secret, and the settings that some of them require. */
const planted = {
  CHARTMOGUL_API_KEY: SECRET,
  KAFKA_USERNAME: 'u',
  KAFKA_PASSWORD: SECRET,
  KAFKA_SASL_MECHANISM: 'plain',
  SCHEMA_REGISTRY_USERNAME: 'u',
  SCHEMA_REGISTRY_PASSWORD: SECRET,
  CLICKHOUSE_USERNAME: 'u',
  CLICKHOUSE_PASSWORD: SECRET,
  CLICKHOUSE_READER_PASSWORD: SECRET,
  CHARTMOGUL_API_KEY_COMMAND: `echo ${SECRET}`,
  WEBHOOK_TOKEN: SECRET,
  AWS_SECRET_ACCESS_KEY: SECRET,
};

/** Creates a checkout without Java packages, and programs that record their environment. */
function checkoutWith(t: TestContext, programs: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'child-environment-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(root, 'services'), join(folder, 'services'), { recursive: true });
  for (const name of ['core', 'start.mjs', 'package.json', 'package-lock.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['bin', 'dumps']) mkdirSync(join(folder, name));
  for (const [name, work] of Object.entries(programs)) {
    const script = `#!/bin/sh\necho "$0 $*" > ${folder}/dumps/$$\nenv >> ${folder}/dumps/$$\n${work}\n`;
    writeFileSync(join(folder, 'bin', name), script, { mode: 0o755 });
  }
  const env = { ...planted, PATH: `${folder}/bin:${process.env['PATH'] ?? ''}`, HOME: folder, LANG: 'C' };
  const dumps = () =>
    readdirSync(join(folder, 'dumps')).map((name) => readFileSync(join(folder, 'dumps', name), 'utf8'));
  return { folder, env, dumps };
}

const java = `echo 'openjdk version "17.0.1"' >&2`;
const maven = `for arg; do case $arg in -Dtarget=*) mkdir -p "\${arg#*=}/kafka" "\${arg#*=}/registry";; esac; done`;

test('Maven, Java, the Kafka formatter and background services receive no secret', async (t) => {
  const { folder, env, dumps } = checkoutWith(t, { java, mvn: maven });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'services', 'java-packages.sha256'), '');
  const script = `
    import { kafkaService } from './services/kafka.ts';
    import { registryService } from './services/registry.ts';
    import { loadSettings } from './core/settings/config.ts';
    const settings = loadSettings({}, '');
    const { signal } = new AbortController();
    for (const start of [kafkaService, registryService]) {
      const service = start(settings, ${JSON.stringify(folder)} + '/data/' + start.name);
      await service.start(signal);
      // The fake program writes its environment before it ends.
      while (service.processes[0].pid() !== undefined) await new Promise((go) => setTimeout(go, 20));
      for (const process of service.processes) await process.stop();
    }`;
  writeFileSync(join(folder, 'start-services.ts'), script);
  const { exitCode, stderr } = await runShell(
    t,
    `cd ${folder} && exec node --import tsx start-services.ts`,
    env,
  );
  assert.equal(exitCode, 0, stderr);
  const all = dumps();
  for (const program of ['mvn -q', 'java -version', 'StorageTool format', 'kafka.Kafka', 'runner.jar'])
    assert.ok(
      all.some((dump) => dump.split('\n')[0]?.includes(program)),
      `${program} was not started`,
    );
  for (const dump of all) {
    assert.ok(!dump.includes(SECRET), dump);
    assert.match(dump, /^PATH=/m);
    assert.match(dump, /^HOME=/m);
  }
});

test('npm receives the proxy and its own settings, but no secret', async (t) => {
  const { folder, env, dumps } = checkoutWith(t, { npm: 'exit 1' });
  const line = `cd ${folder} && exec node start.mjs`;
  const { exitCode } = await runShell(t, line, {
    ...env,
    https_proxy: 'http://proxy:1',
    npm_config_cache: '/c',
  });
  assert.equal(exitCode, 1);
  const [dump = ''] = dumps();
  assert.match(dump, /\/npm ci --ignore-scripts /);
  assert.ok(!dump.includes(SECRET), dump);
  assert.match(dump, /^https_proxy=http:\/\/proxy:1$/m);
  assert.match(dump, /^npm_config_cache=\/c$/m);
});

test('the compilers of commands and of the dashboard receive no secret', async (t) => {
  const { folder, env, dumps } = checkoutWith(t, {});
  // Every Node program writes its environment when it ends.
  const note = `
    const { writeFileSync } = require('node:fs');
    process.on('exit', () => writeFileSync(
      ${JSON.stringify(`${folder}/dumps/`)} + process.pid,
      process.argv.join(' ') + '\\n' + JSON.stringify(process.env),
    ));`;
  writeFileSync(join(folder, 'note.cjs'), note);
  const script = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { bundlePages } from ${JSON.stringify(join(root, 'dashboard/server/bundle.ts'))};
    const programs = readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).flatMap((pid) => {
      try {
        const [, parent] = /^PPid:\\s+(\\d+)/m.exec(readFileSync('/proc/' + pid + '/status', 'utf8')) ?? [];
        return parent === String(process.pid) ? [readFileSync('/proc/' + pid + '/environ', 'utf8')] : [];
      } catch {
        return [];
      }
    });
    const { assets } = await bundlePages();
    console.log(JSON.stringify({ programs, assets: assets.size, own: process.env.CHARTMOGUL_API_KEY }));`;
  writeFileSync(join(folder, 'compile.ts'), script);
  const line = `exec node start.mjs ${relative(root, join(folder, 'compile.ts'))}`;
  const { exitCode, stdout, stderr } = await runShell(t, line, {
    ...env,
    TMPDIR: folder,
    NODE_OPTIONS: `--require ${folder}/note.cjs`,
  });
  assert.equal(exitCode, 0, stderr);
  const { programs, assets, own } = JSON.parse(stdout) as { programs: string[]; assets: number; own: string };
  assert.ok(assets > 3);
  assert.equal(own, SECRET);
  // The check is limited to Linux, where /proc shows child processes.
  const isSeen = process.platform === 'linux';
  assert.ok(!isSeen || programs.length > 0);
  for (const environment of isSeen ? programs : []) assert.ok(!environment.includes(SECRET), environment);
  const build = dumps().find((dump) => dump.split('\n')[0]?.includes('build-pages.mjs')) ?? '';
  assert.match(build, /"PATH":/);
  assert.ok(!build.includes(SECRET), build);
});

test('a started program receives only the environment that it requires', () => {
  const ours = Object.fromEntries(settingDocs.map(({ name }) => [name, 's3cret']));
  const others = {
    CONFIG_FILE: 'x',
    AWS_SECRET_ACCESS_KEY: 's3cret',
    SOME_PASSWORD_COMMAND: 's3cret',
    PATH_TO: 'x',
  };
  const common = { PATH: '/bin', Path: '/bin', LC_ALL: 'C', JAVA_HOME: '/java' };
  const npm = { https_proxy: 'p', npm_config_registry: 'r' };
  const maven = { MAVEN_OPTS: '-Xmx1g' };
  const all = { ...ours, ...others, ...common, ...npm, ...maven };
  assert.deepEqual(childEnvironment(undefined, all), common);
  assert.deepEqual(childEnvironment('maven', all), { ...common, ...maven });
  const { HTTPS_PROXY, HTTP_PROXY, NO_PROXY } = ours;
  const proxies = { HTTPS_PROXY, HTTP_PROXY, NO_PROXY };
  assert.deepEqual(childEnvironment('npm', all), { ...common, ...npm, ...proxies });
});

test('in core, commands, services and the pipeline, only core/child-process.ts starts programs', () => {
  const files = ['core', 'producers', 'consumers', 'operations', 'simulator', 'services', 'commands'].flatMap(
    (folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
  );
  const starters = files.filter(
    (file) => /\.m?[tj]s$/.test(file) && readFileSync(join(root, file), 'utf8').includes('child_process'),
  );
  assert.deepEqual(starters, ['core/child-process.ts']);
});
