/**
 * Returns the outer edge of each bar in a stack: positive values upwards, negative ones downwards.
 */
export function stacked(series: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const up: number[] = [];
  const down: number[] = [];
  return series.map((values) =>
    values.map((value, at) => {
      // A bar without height must not cover others.
      if (value === null || value === 0) return null;
      const sums = value > 0 ? up : down;
      return (sums[at] = (sums[at] ?? 0) + value);
    }),
  );
}
