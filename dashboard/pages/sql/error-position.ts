/**
 * Returns the index in the query at which ClickHouse reports an error; undefined if it is unknown.
 * The server counts bytes from 1.
 */
export function errorPosition(message: string, sql: string): number | undefined {
  const [, place] = /failed at position (\d+)/.exec(message) ?? [];
  if (place === undefined) return unknownNamePosition(message, sql);
  let bytes = Number(place) - 1;
  let index = 0;
  for (const character of sql) {
    if (bytes <= 0) break;
    bytes -= new TextEncoder().encode(character).length;
    index += character.length;
  }
  return Math.min(index, sql.length);
}

/** Finds the name that an error without a position reports as unknown. */
function unknownNamePosition(message: string, sql: string): number | undefined {
  const [, quotedName, table] =
    /(?:Unknown (?:expression identifier|expression or function identifier|table expression identifier|function)|Function with name) [`']?([\w.]+)[`']?|there is no table or view (\S+?)\./.exec(
      message,
    ) ?? [];
  const name = quotedName ?? table;
  return name === undefined ? undefined : nameIndex(sql, name);
}

/**
 * Returns the index of a name; undefined if the query does not contain it. A name may contain any
 * characters, so it is not used in a pattern.
 */
function nameIndex(sql: string, name: string): number | undefined {
  for (let at = sql.indexOf(name); at >= 0; at = sql.indexOf(name, at + 1)) {
    const isWhole = !/[\w.]/.test(sql[at - 1] ?? '') && !/\w/.test(sql[at + name.length] ?? '');
    if (isWhole) return at;
  }
  return undefined;
}

/** Returns the line and column of an index, counted from 1. */
export function lineAndColumn(
  sql: string,
  index: number,
): { readonly line: number; readonly column: number } {
  const before = sql.slice(0, index).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
