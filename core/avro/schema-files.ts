import { readdirSync, readFileSync } from 'node:fs';
import { parseStreamSchema } from './parse-schema.ts';
import type { StreamSchema } from './schema.ts';

const folder = new URL('../../schemas/', import.meta.url);

/** The streams that have a schema file, in alphabetical order. */
export const streamNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.avsc'))
  .map((file) => file.slice(0, -'.avsc'.length))
  .sort();

/** @throws Error for a stream without a file; IncompatibleSchemaError for an invalid file. */
export function readStreamSchema(stream: string): StreamSchema {
  if (!streamNames.includes(stream))
    throw new Error(`stream ${stream} has no schema: add schemas/${stream}.avsc (see schemas/README.md)`);
  return parseStreamSchema(readFileSync(new URL(`${stream}.avsc`, folder), 'utf8'), `schemas/${stream}.avsc`);
}
