/** `1,200` */
export function grouped(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** `1,200`, `35.8` */
export function formatNumber(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isInteger(value) ? grouped(value) : value.toFixed(1);
}

/** `999`, `9.9k`, `120M`: at most four characters below 10^16. */
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

/** `1 page`, `1,200 pages` */
export function several(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** `1:05`, `2:01:05`; of whole seconds. */
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

/** `12s ago`, `3m ago`, `5h ago`, `40d ago`: in whole units, rounded down. A time in the future is `0s ago`. */
export function ago(timeMs: number, nowMs: number): string {
  const ms = Math.max(0, nowMs - timeMs);
  const [name, size] = ageUnits.find(([, unit]) => ms >= unit) ?? ['s', 1000];
  return `${Math.floor(ms / size)}${name} ago`;
}
