/** Text is similar to a choice if they differ by at most one edit, or one per three characters. */
const CHARACTERS_PER_EDIT = 3;

/**
 * Returns the choice that the text is most likely a misspelling of; undefined if none is similar.
 */
export function mostSimilar(text: string, choices: readonly string[]): string | undefined {
  const folded = text.trim().toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(folded.length / CHARACTERS_PER_EDIT));
  // A larger difference in length takes more edits.
  const compared = choices.filter(({ length }) => Math.abs(length - folded.length) <= fewest);
  for (const choice of compared) {
    const edits = editsBetween(folded, choice.toLowerCase().replaceAll('-', '_'));
    if (edits < fewest || (edits === fewest && best === undefined)) [best, fewest] = [choice, edits];
  }
  return folded.length < 2 ? undefined : best;
}

/** Counts the insertions, deletions, replacements and swaps that turn one text into the other. */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isEqual = from[row - 1] === to[column - 1];
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isEqual ? 0 : 1),
        isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
