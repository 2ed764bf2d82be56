/**
 * At most MAX_COMPARED² pairs of lines are compared. Above that, every line between the common
 * start and end counts as changed.
 */
const MAX_COMPARED = 2_000;

/**
 * Returns the removed lines (`- …`) and added lines (`+ …`), in order. Equal lines are left out.
 */
export function changedLines(before: string, after: string): string[] {
  const old = linesOf(before);
  const now = linesOf(after);
  const start = firstDifference(old, now);
  const end = firstDifference(old.slice(start).reverse(), now.slice(start).reverse());
  return between(old.slice(start, old.length - end), now.slice(start, now.length - end));
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function firstDifference(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((line, index) => line !== b[index]);
  return at < 0 ? Math.min(a.length, b.length) : at;
}

/** Returns the lines outside the longest common subsequence. */
function between(old: readonly string[], now: readonly string[]): string[] {
  if (old.length * now.length > MAX_COMPARED ** 2)
    return [...old.map((line) => `- ${line}`), ...now.map((line) => `+ ${line}`)];
  // lengths[i][j]: length of the longest common subsequence of old from i and now from j.
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    const row = lengths[i];
    for (let j = now.length - 1; j >= 0; j--)
      if (row !== undefined)
        row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const changes: string[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) [i, j] = [i + 1, j + 1];
    else if (j >= now.length || (i < old.length && at(i + 1, j) >= at(i, j + 1)))
      changes.push(`- ${old[i++] ?? ''}`);
    else changes.push(`+ ${now[j++] ?? ''}`);
  }
  return changes;
}
