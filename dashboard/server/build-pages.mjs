// Bundles `dashboard/pages` and prints the files as JSON. This is a separate program, because
// esbuild starts its service with the environment of its caller, and ours may contain secrets.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../pages/', import.meta.url));
const { outputFiles, metafile } = await build({
  absWorkingDir: folder,
  entryPoints: ['main.tsx'],
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  write: false,
  metafile: true,
  outdir: folder,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'silent',
});
const files = outputFiles.map(({ path, text }) => ({ name: relative(folder, path), text }));
process.stdout.write(JSON.stringify({ files, outputs: metafile.outputs }));
