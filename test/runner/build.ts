import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const data = [
  'schemas',
  'queries',
  'docs',
  'README.md',
  'dashboard',
  'node_modules',
  'package-lock.json',
  'docker-compose.yml',
];

/**
 * Packages that are loaded from node_modules: kafkajs is patched module by module, pino starts a
 * worker, fastify loads code by name, and several others contain binaries.
 */
const notBundled = [
  'kafkajs',
  'pino',
  'fastify',
  'esbuild',
  'chdb',
  'lz4-napi',
  'snappy',
  '@duckdb/node-api',
  '@aws-sdk/*',
  'pg',
];

/**
 * Bundles the commands as JavaScript in a folder of the test run. The tests start hundreds of
 * commands, and a bundled command needs only a sixth of the CPU time that it takes with tsx.
 */
export async function buildCommands(root: string, folder: string): Promise<void> {
  const commands = readdirSync(join(root, 'commands')).map((file) => `commands/${file}`);
  await build({
    absWorkingDir: root,
    entryPoints: [...commands, 'simulator/main.ts', 'services/main.ts', 'benchmarks/main.ts'].filter((file) =>
      file.endsWith('.ts'),
    ),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outbase: root,
    outdir: folder,
    external: notBundled,
    plugins: [sourceAddresses(root, folder)],
    // CommonJS packages call `require`, which ES modules lack.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  });
  for (const name of data) symlinkSync(join(root, name), join(folder, name));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
}

/**
 * Replaces `import.meta.url` with the URL that the source file would have in `folder` without
 * bundling, because the code locates data files relative to it.
 */
function sourceAddresses(root: string, folder: string): Plugin {
  return {
    name: 'source addresses',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const url = pathToFileURL(join(folder, relative(root, path))).href;
        const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(url));
        return { contents, loader: 'ts' };
      });
    },
  };
}
