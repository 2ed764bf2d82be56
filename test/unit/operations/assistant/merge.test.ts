import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { changedLines } from '../../../../operations/assistant/changed-lines.ts';
import {
  listWith,
  mergeJson,
  mergeLines,
  mergeSection,
  objectIn,
} from '../../../../operations/assistant/merge.ts';

const addB = (content: Readonly<Record<string, unknown>>) => ({ ...content, b: 2 });

test('mergeJson keeps the other members, their order and the indentation', () => {
  assert.equal(mergeJson('f', undefined, addB), '{\n  "b": 2\n}\n');
  assert.equal(
    mergeJson('f', '{\n\t"z": [1],\n\t"a": null\n}\n', addB),
    '{\n\t"z": [\n\t\t1\n\t],\n\t"a": null,\n\t"b": 2\n}\n',
  );
});

test('mergeJson keeps JSON that already has the change byte for byte', () => {
  for (const text of ['{"b":2}', '{ "a": 1,\r\n "b": 2 }', '\ufeff{"b": 2}'])
    assert.equal(mergeJson('f', text, addB), text);
});

test('mergeJson rejects a file that is not a JSON object and names the file', () => {
  for (const text of ['', '// hello\n{}', '[]', 'null', '{"a": }'])
    assert.throws(
      () => mergeJson('.mcp.json', text, addB),
      (error) => error instanceof ConfigError && error.message.startsWith('.mcp.json must be '),
    );
});

test('mergeJson treats members such as __proto__ as data', () => {
  const text = '{"__proto__": {"polluted": true}, "a": 1}';
  const merged = JSON.parse(mergeJson('f', text, addB)) as object;
  assert.deepEqual(Object.keys(merged), ['__proto__', 'a', 'b']);
  assert.equal(({} as Readonly<Record<string, unknown>>)['polluted'], undefined);
  assert.deepEqual(objectIn({}, 'constructor'), {});
});

test('listWith adds only the items that the list lacks', () => {
  assert.deepEqual(listWith({ deny: ['x', 7] }, 'deny', ['x', 'y']), ['x', 7, 'y']);
  assert.deepEqual(listWith({ deny: 'x' }, 'deny', ['y']), ['y']);
});

test('mergeLines adds each line once, under one comment', () => {
  const once = mergeLines(undefined, '# Secrets', ['.env', '*.key']);
  assert.equal(once, '# Secrets\n.env\n*.key\n');
  assert.equal(mergeLines(once, '# Secrets', ['.env', '*.key']), once);
  assert.equal(
    mergeLines('dist/\n.env', '# Secrets', ['.env', '*.key']),
    'dist/\n.env\n\n# Secrets\n*.key\n',
  );
});

const marks = { begin: '<begin>', end: '<end>' };

test('mergeSection replaces an earlier section and keeps the text around it', () => {
  assert.equal(mergeSection(undefined, marks, 'one'), '<begin>\none\n<end>\n');
  assert.equal(mergeSection('# Mine\n\n\n', marks, 'one'), '# Mine\n\n<begin>\none\n<end>\n');
  const around = '# Mine\n\n<begin>\nold\nlines\n<end>\n\n## More\n';
  assert.equal(mergeSection(around, marks, 'one'), '# Mine\n\n<begin>\none\n<end>\n\n## More\n');
  for (const text of [undefined, '# Mine', around]) {
    const first = mergeSection(text, marks, 'one');
    assert.equal(mergeSection(first, marks, 'one'), first);
  }
  // A begin mark without an end mark is not a section.
  assert.equal(mergeSection('<begin>\nx', marks, 'one'), '<begin>\nx\n\n<begin>\none\n<end>\n');
});

for (const [before, after, lines] of [
  ['', 'a\nb\n', ['+ a', '+ b']],
  ['a\n', 'a\n', []],
  ['a\nb\nc\n', 'a\nx\nc\n', ['- b', '+ x']],
  ['a\nb\nc\nd\n', 'b\nx\nd\ne\n', ['- a', '- c', '+ x', '+ e']],
  ['{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "b": 2\n}\n', ['-   "a": 1', '+   "a": 1,', '+   "b": 2']],
] as const) {
  test(`changedLines returns the lines that turn ${JSON.stringify(before)} into ${JSON.stringify(after)}`, () => {
    assert.deepEqual(changedLines(before, after), lines);
  });
}
