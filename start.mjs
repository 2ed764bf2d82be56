// Every `npm run` command starts here. Installs the packages if they are missing or older than
// package-lock.json, then runs the TypeScript file that the first argument names. That file runs in
// this process, so that it receives signals directly. Without an argument, this file only installs.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { allowedEnvironment } from './core/child-environment.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node ${process.versions.node} is too old: install Node 20.19 or newer.`);
  process.exit(2);
}

const modifiedAt = (path) =>
  statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (modifiedAt('node_modules/.package-lock.json') < modifiedAt('package-lock.json')) {
  console.error('Installing the packages of package-lock.json (once) …');
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env: allowedEnvironment(process.env, 'npm'),
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    console.error('`npm ci` failed: see its output above.');
    process.exit(1);
  }
}

const [, , entry] = process.argv;
if (entry !== undefined) {
  process.argv.splice(1, 2, entry);
  // The compiler is a separate program. It inherits the environment that is set during
  // registration, so our settings are removed for its duration.
  const environment = { ...process.env };
  const allowed = allowedEnvironment(environment);
  for (const name of Object.keys(environment)) if (!(name in allowed)) delete process.env[name];
  // Node 26 deprecates this function. Its successor would compile in this thread, and start the
  // compiler with all settings.
  const { noDeprecation = false } = process;
  process.noDeprecation = true;
  nodeModule.register('./core/typescript-loader.mjs', import.meta.url);
  process.noDeprecation = noDeprecation;
  Object.assign(process.env, environment);
  // From Node 22.1 on, V8 caches compiled code, which saves a sixth of the CPU time at startup.
  nodeModule.enableCompileCache?.(`${root}node_modules/.cache/v8`);
  // Stack traces name the TypeScript sources.
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(`${root}${entry}`).href);
}
