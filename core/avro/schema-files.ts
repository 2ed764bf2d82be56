import { readdirSync, readFileSync } from 'node:fs';
import { parseStreamSchema } from './parse-schema.ts';
import type { StreamSchema } from './schema.ts';

const folder = new URL('../../schemas/', import.meta.url);

/** The streams that have a schema file, in alphabetical order. */
export const streamNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.avsc'))
  .map((file) => file.slice(0, -'.avsc'.length))
  .sort();

export function readStreamSchema(stream: string): StreamSchema {
  return parseStreamSchema(readFileSync(new URL(`${stream}.avsc`, folder), 'utf8'), `schemas/${stream}.avsc`);
}
