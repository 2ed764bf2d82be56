import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * README.md, CONTRIBUTING.md and the Markdown pages in docs, examples and deploy, except the
 * generated ones in docs/reference.
 */
export const documentedPages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...['docs', 'examples', 'deploy'].flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md') && !file.startsWith('reference'))
      .map((file) => `${folder}/${file}`)
      .sort(),
  ),
];

export function textOf(path: string): string {
  return readFileSync(root + path, 'utf8');
}

export interface ShellBlock {
  /** The lines without their indentation. Empty lines are left out. */
  readonly lines: readonly string[];
  /** The reason why the block is not run here: the text of `<!-- not run: … -->` before it. */
  readonly notRun: string | undefined;
}

/** Returns a page's shell blocks. A line that ends with a backslash is joined with the next one. */
export function shellBlocks(page: string): readonly ShellBlock[] {
  const pattern = /(?:<!-- not run: ([^>]+) -->\n\s*)?^( *)```sh\n([^]*?)^\2```/gm;
  return [...textOf(page).matchAll(pattern)].map(([, notRun, indentation = '', body = '']) => ({
    lines: body
      .replaceAll(`\n${indentation}`, '\n')
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    notRun,
  }));
}
