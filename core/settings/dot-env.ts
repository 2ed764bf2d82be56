import { parseEnv } from 'node:util';

/** `NAME=value` without quotes. */
const UNQUOTED_LINE = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*([^\s'"`#][^\r\n]*)/gm;

/**
 * Returns the variables of a `.env` file. As in a shell, `#` begins a comment in an unquoted value
 * only after a space: node's parser would cut the password `a#b` to `a`.
 */
export function parseDotEnv(text: string): Record<string, string> {
  const values = Object.fromEntries(
    Object.entries(parseEnv(text) as Record<string, string>).filter(([name]) => !name.startsWith('#')),
  );
  for (const [, name = '', rest = ''] of text.matchAll(UNQUOTED_LINE)) {
    const value = rest.replace(/[ \t]#.*$/, '').trim();
    // The line may be part of a multi-line value, which the parser reads differently.
    if (values[name]?.trim() === rest.split('#', 1)[0]?.trim()) values[name] = value;
  }
  return values;
}
