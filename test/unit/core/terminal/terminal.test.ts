import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { LiveLines } from '../../../../core/terminal/live-lines.ts';
import { print, visibleLine, visibleStream, visibleText } from '../../../../core/terminal/terminal.ts';
import { textTable } from '../../../../core/terminal/columns.ts';

const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const attacks: Readonly<Record<string, string>> = {
  'a 7-bit CSI sequence': '\u001b[2J',
  'an 8-bit CSI sequence': '\u009b2J',
  'a clipboard sequence': '\u001b]52;c;ZXZpbA==\u0007',
  'an 8-bit clipboard sequence': '\u009d52;c;ZXZpbA==\u009c',
  'a carriage return': 'good\rbad!',
  backspaces: 'good\b\b\b\bbad!',
  'a delete character': '\u007f',
  'a right-to-left override': '\u202eevil\u202c',
  'directional isolates': '\u2066evil\u2069',
  'directional marks': '\u200e\u200f\u061c',
  'zero-width characters': '\u200b\u200d\u2060\ufeff',
  'line separators': '\u2028\u2029\u0085',
  'tag characters beyond 16 bits': '\u{e0041}\u{e007f}',
};

const columns = ['head', 'other'].map((head, at) => ({
  head,
  of: (row: readonly string[]) => row[at] ?? '',
}));

function outputOf(isTTY: boolean) {
  let written = '';
  return { isTTY, write: (part: string) => (written += part), written: () => written };
}

for (const [name, attack] of Object.entries(attacks)) {
  test(`text with ${name} is escaped on a terminal and unchanged in a pipe`, async () => {
    const [terminal, pipe] = [outputOf(true), outputOf(false)];
    for (const output of [terminal, pipe]) print(`a\t${attack}\nb\n`, output);
    assert.equal(pipe.written(), `a\t${attack}\nb\n`);
    assert.match(terminal.written(), /^a\t.*\\u[0-9a-f]{4}.*\nb\n$/);
    assert.doesNotMatch(terminal.written().replace(/[\n\t]/g, ''), OBEYED);
    const json = JSON.stringify({ attack }, null, 2);
    assert.deepEqual(JSON.parse(visibleText(json)), { attack });

    const bytes = new PassThrough();
    for (const byte of Buffer.from(`ö😀${attack}\n`)) bytes.write(Buffer.of(byte));
    bytes.end();
    assert.equal(await text(bytes.pipe(visibleStream())), visibleText(`ö😀${attack}\n`));

    assert.doesNotMatch(textTable(columns, [['cell\n', attack]]).replaceAll('\n', ''), OBEYED);
    const drawn: string[] = [];
    new LiveLines({ write: (part) => drawn.push(part) }).show([`line ${attack}`]);
    assert.equal(drawn.join(''), `\u001b[2Kline ${visibleLine(attack)}\n`);
  });
}

test('bytes that are not text cannot control a terminal', async () => {
  const bytes = new PassThrough();
  bytes.end(Buffer.from([0x9b, 0x32, 0x4a, 0xff, 0x1b, 0xc2]));
  assert.doesNotMatch(await text(bytes.pipe(visibleStream())), OBEYED);
});

test('text without control characters is unchanged, and no text controls a terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (any) => {
      const line = visibleLine(any);
      assert.doesNotMatch(line, OBEYED);
      if (!OBEYED.test(any)) assert.equal(line, any);
    }),
  );
});

test('core, pipeline and command modules never write to the console or stdio directly', () => {
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const folders = ['core', 'producers', 'consumers', 'simulator', 'services', 'commands'];
  const writers = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => join(folder, file))
      .filter((file) => file.endsWith('.ts'))
      .filter((file) =>
        /process\.std(out|err)\.write|console\.\w+\(/.test(readFileSync(join(root, file), 'utf8')),
      ),
  );
  assert.deepEqual(writers, []);
});
