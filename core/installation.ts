import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/** Whether this is the compiled package (`deploy/package`), not a checkout. */
export const isPackage = import.meta.url.endsWith('.js');

/**
 * Returns the arguments with which node runs an entry point of the project, such as
 * `services/main.ts`.
 */
export function entryArguments(entry: string): readonly string[] {
  const path = (name: string) => fileURLToPath(new URL(name, root));
  return isPackage ? [path(entry.replace(/\.ts$/, '.js'))] : [path('start.mjs'), entry];
}
