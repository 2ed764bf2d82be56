import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import durations from './durations.json' with { type: 'json' };

/** The assumed duration in seconds of a file that is not in `durations.json`, by folder. */
const USUAL_SECONDS: Readonly<Record<string, number>> = { unit: 0.4, integration: 5, slow: 20 };

/**
 * The number of processes that share the files of a folder. Each process loads tsx and the modules
 * under test once, which takes 2 s of CPU time. Several short groups balance the load better than
 * one long group per core. Each slow test file runs in a separate process.
 */
const GROUPS: Readonly<Record<string, number>> = { unit: 2, integration: 8 };

/**
 * Files that change the global state of their process, such as the set of secrets that are redacted
 * from all later text.
 */
const OWN_PROCESS: ReadonlySet<string> = new Set([
  'test/unit/core/redact.test.ts',
  'test/unit/core/settings/config.test.ts',
]);

export interface Group {
  readonly kind: string;
  readonly files: readonly string[];
  readonly seconds: number;
}

/**
 * Distributes files named `test/<kind>/…` over groups of similar duration, the longest group first.
 */
export function groupsOf(files: readonly string[]): readonly Group[] {
  const alone = files.filter((file) => OWN_PROCESS.has(file));
  const others = files.filter((file) => !OWN_PROCESS.has(file));
  const groups = [...new Set(others.map(kindOf))].flatMap((kind) => {
    const own = others.filter((file) => kindOf(file) === kind);
    return balanced(kind, own, GROUPS[kind] ?? own.length);
  });
  groups.push(...alone.map((file) => ({ kind: kindOf(file), files: [file], seconds: secondsOf(file) })));
  return groups.sort((a, b) => b.seconds - a.seconds);
}

/**
 * Returns the path of the module to run for a group: its only file, or a new module that imports
 * all its files.
 */
export function entryOf(group: Group, index: number, root: string, folder: string): string {
  const [first, ...others] = group.files.map((file) => join(root, file));
  if (first !== undefined && others.length === 0) return first;
  const entry = join(folder, `${group.kind}-${index}.mjs`);
  const imports = group.files.map((file) => `import '${pathToFileURL(join(root, file)).href}';\n`);
  writeFileSync(entry, imports.join(''));
  return entry;
}

function balanced(kind: string, files: readonly string[], count: number): Group[] {
  const groups = Array.from({ length: Math.min(count, files.length) }, () => ({
    kind,
    files: [] as string[],
    seconds: 0,
  }));
  for (const file of files.toSorted((a, b) => secondsOf(b) - secondsOf(a))) {
    const shortest = groups.reduce((least, group) => (group.seconds < least.seconds ? group : least));
    shortest.files.push(file);
    shortest.seconds += secondsOf(file);
  }
  return groups;
}

function kindOf(file: string): string {
  return file.split('/')[1] ?? '';
}

function secondsOf(file: string): number {
  const known: Readonly<Record<string, number>> = durations;
  return known[file] ?? USUAL_SECONDS[kindOf(file)] ?? 1;
}
