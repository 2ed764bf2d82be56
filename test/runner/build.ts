import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const sources = ['core', 'producers', 'consumers', 'operations', 'commands', 'simulator', 'services'];
const data = ['schemas', 'node_modules', 'package-lock.json', 'docker-compose.yml'];

/**
 * Compiles the commands to JavaScript, in a folder of the test run. A command then starts in a third
 * of the CPU time that tsx needs, and the tests start some hundreds.
 */
export function buildCommands(root: string, folder: string): void {
  for (const source of sources)
    for (const file of readdirSync(join(root, source), { recursive: true, encoding: 'utf8' })) {
      const from = join(root, source, file);
      const to = join(folder, source, file);
      mkdirSync(dirname(to), { recursive: true });
      if (file.endsWith('.ts')) writeFileSync(to.replace(/\.ts$/, '.js'), compiled(from));
      else if (/\.\w+$/.test(file)) cpSync(from, to, { recursive: true });
    }
  for (const name of data) symlinkSync(join(root, name), join(folder, name));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
}

function compiled(file: string): string {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  return outputText;
}
