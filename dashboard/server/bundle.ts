import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { runProgram } from '../../core/child-process.ts';

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly brotli: Buffer;
  readonly gzip: Buffer;
}

export interface Bundle {
  /** The assets by file name, which contains a hash of the content. */
  readonly assets: ReadonlyMap<string, Asset>;
  /**
   * Names of the first script, of the other scripts that the first page needs, and of the style
   * sheet.
   */
  readonly script: string;
  readonly preloads: readonly string[];
  readonly styles: string;
}

/** Written by `npm run build`. */
const builtPages = new URL('pages.json', import.meta.url);
const buildScript = fileURLToPath(new URL('build-pages.mjs', import.meta.url));
const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};

const FIRST_PAGE = 'overview/overview-page.tsx';

const MAX_BUNDLE_BYTES = 32 * 1024 * 1024;

/** Higher levels take seconds and save only a few percent. */
const BROTLI_QUALITY = 6;

/**
 * Returns the bundle of `dashboard/pages` for the browser. In a checkout, builds it in memory.
 * @throws Error if the pages cannot be bundled.
 */
export async function bundlePages(): Promise<Bundle> {
  const { files, outputs: built } = await readPages();
  const assets = await Promise.all(
    files.map(async ({ name, text }) => [name, await assetOf(name, Buffer.from(text))] as const),
  );
  const outputs = Object.entries(built);
  const [script, main] = outputs.find(([, { entryPoint }]) => entryPoint === 'main.tsx') ?? [];
  if (script === undefined || main?.cssBundle === undefined) throw new Error('the bundle has no main.tsx');
  const first = outputs.find(([, { entryPoint }]) => entryPoint === FIRST_PAGE);
  const needed = [main, ...(first === undefined ? [] : [first[1]])].flatMap(({ imports }) =>
    imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path),
  );
  const preloads = new Set([...needed, ...(first === undefined ? [] : [first[0]])]);
  preloads.delete(script);
  return { assets: new Map(assets), script, preloads: [...preloads], styles: main.cssBundle };
}

/** The output of `build-pages.mjs`. */
export interface Built {
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly outputs: Metafile['outputs'];
}

/** Returns the pages that the package contains. A checkout builds them at each start. */
async function readPages(): Promise<Built> {
  const text = existsSync(builtPages) ? await readFile(builtPages, 'utf8') : await buildPages();
  return JSON.parse(text) as Built;
}

export async function buildPages(): Promise<string> {
  const { stdout } = await runProgram(process.execPath, [buildScript], { maxBuffer: MAX_BUNDLE_BYTES });
  return stdout;
}

async function assetOf(path: string, body: Buffer): Promise<Asset> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const [brotli, zipped] = await Promise.all([
    promisify(brotliCompress)(body, { params }),
    promisify(gzip)(body),
  ]);
  const type = types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
  return { type, body, brotli, gzip: zipped };
}
