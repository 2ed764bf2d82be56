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
 * kafkajs is patched module by module, pino starts a worker, fastify loads code by name, and the
 * others are binaries.
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
 * Bundles the commands as JavaScript, in a folder of the test run. A command then starts in a sixth
 * of the CPU time that tsx needs, and the tests start some hundreds.
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
    // CommonJS packages call `require`, which a module lacks.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  });
  for (const name of data) symlinkSync(join(root, name), join(folder, name));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
}

/**
 * Keeps `import.meta.url` of each source file as if the file were not bundled: data is found by it.
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
