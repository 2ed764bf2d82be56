const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** `12s ago`, `3m ago`, `5h ago`, `40d ago`: in whole units, rounded down. What our clock says is yet to come is `0s ago`. */
export function ago(timeMs: number, nowMs: number): string {
  const ms = Math.max(0, nowMs - timeMs);
  const [name, size] = units.find(([, unit]) => ms >= unit) ?? ['s', 1000];
  return `${Math.floor(ms / size)}${name} ago`;
}
