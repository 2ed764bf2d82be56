/** Returns `1,200`. */
export function grouped(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** Returns `1,200` or `35.8`. */
export function formatNumber(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isInteger(value) ? grouped(value) : value.toFixed(1);
}

/** Returns `999`, `9.9k` or `120M`: at most four characters for 0 to 999 T. */
export function shortNumber(value: number | bigint): string {
  let rest = Number(value);
  if (rest < 999.5)
    return Number.isInteger(rest) || rest >= 99.95 ? String(Math.round(rest)) : rest.toFixed(1);
  for (const unit of ['k', 'M', 'G']) {
    rest /= 1000;
    if (rest < 999.5) return `${rest >= 9.95 ? Math.round(rest) : rest.toFixed(1)}${unit}`;
  }
  return `${Math.round(rest / 1000)}T`;
}

/** Returns `~1,200` for a number of offsets or an estimate. Zero is exact: `0`. */
export function approximate(
  value: number | bigint,
  format: (value: number | bigint) => string = formatNumber,
): string {
  return Number(value) === 0 ? '0' : `~${format(value)}`;
}

/** Returns `640 B`, `12.3 KiB` or `4.5 MiB`. */
export function byteSize(bytes: number): string {
  if (bytes < 1024) return `${grouped(bytes)} B`;
  const [size, unit] = bytes < 1024 ** 2 ? [bytes / 1024, 'KiB'] : [bytes / 1024 ** 2, 'MiB'];
  return `${grouped(Number(size.toFixed(1)))} ${unit}`;
}

/** Returns `1 page` or `1,200 pages`. */
export function several(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** Returns whole seconds as `1:05` or `2:01:05`. */
export function clock(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const parts = [...(hours > 0 ? [hours] : []), minutes, seconds % 60];
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

const ageUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** Returns `12s ago`, `3m ago`, `5h ago` or `40d ago`, rounded down; `0s ago` for the future. */
export function ago(timeMs: number, nowMs: number): string {
  const ms = Math.max(0, nowMs - timeMs);
  const [name, size] = ageUnits.find(([, unit]) => ms >= unit) ?? ['s', 1000];
  return `${Math.floor(ms / size)}${name} ago`;
}
