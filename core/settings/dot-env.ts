import { parseEnv } from 'node:util';

/** `NAME=value` without quotes. */
const UNQUOTED_LINE = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*([^\s'"`#][^\r\n]*)/gm;

/**
 * The variables of a `.env` file. In a value without quotes `#` begins a comment only behind a blank, as in a shell: node's own
 * parser would cut the password `a#b` to `a`.
 */
export function parseDotEnv(text: string): Record<string, string> {
  const values = Object.fromEntries(
    Object.entries(parseEnv(text) as Record<string, string>).filter(([name]) => !name.startsWith('#')),
  );
  for (const [, name = '', rest = ''] of text.matchAll(UNQUOTED_LINE)) {
    const value = rest.replace(/[ \t]#.*$/, '').trim();
    // Only where the parser took this very line, which may lie within a value of several lines.
    if (values[name]?.trim() === rest.split('#', 1)[0]?.trim()) values[name] = value;
  }
  return values;
}
