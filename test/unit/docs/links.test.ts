import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folders = ['docs', 'examples', 'schemas', 'test', 'deploy', 'dashboard', '.github'];
const pages = [
  ...readdirSync(root),
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  ),
].filter((file) => file.endsWith('.md'));

/** Returns the anchors that GitHub assigns to the headings of a page. */
function anchorsOf(markdown: string): Set<string> {
  return new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('every relative link in a Markdown page leads to an existing file and heading', () => {
  assert.ok(pages.length > 15);
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
      assert.ok(existsSync(file), `${page} links to missing ${target}`);
      if (anchor !== undefined)
        assert.ok(anchorsOf(readFileSync(file, 'utf8')).has(anchor), `${page} links to missing ${target}`);
    }
  }
});

test('every source file that CONTRIBUTING, DESIGN, security.md or dependencies.md names exists', () => {
  for (const page of ['CONTRIBUTING.md', 'DESIGN.md', 'docs/security.md', 'docs/dependencies.md']) {
    for (const [, path = ''] of readFileSync(join(root, page), 'utf8').matchAll(
      /`(\w[\w-]*\/[\w/.-]+\.ts)`/g,
    )) {
      if (!/[A-Z]{4}|credit/.test(path))
        assert.ok(existsSync(join(root, path)), `${page} names missing ${path}`);
    }
  }
});
