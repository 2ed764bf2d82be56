export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Returns the smallest value that at least `percent`% of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? NaN;
}

export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

/** Returns the median, minimum and maximum of several rounds, rounded to two decimals. */
export function spread(values: readonly number[]): Readonly<Record<'median' | 'min' | 'max', number>> {
  return {
    median: rounded(median(values), 2),
    min: rounded(Math.min(...values), 2),
    max: rounded(Math.max(...values), 2),
  };
}

/** Prints progress to stderr: stdout is for the figures. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
