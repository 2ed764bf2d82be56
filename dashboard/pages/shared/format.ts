// Pure functions that format values for display.

const whole = new Intl.NumberFormat('en-US');
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** Returns the text with its first letter capitalized. */
export function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Returns `1,234`. */
export function numberText(value: number): string {
  return whole.format(value);
}

/** Returns `1 row` or `1,200 rows`. */
export function several(count: number, thing: string): string {
  return `${numberText(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** Returns `12.5K` from 10,000 on, `1,234` below. */
export function shortNumber(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(Math.round(value)) : compact.format(value);
}

/** Returns a rate such as `0`, `0.4`, `38` or `12.5K`. */
export function rateText(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 10 ? perSecond.toFixed(1) : shortNumber(perSecond);
}

const ages = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Returns `12s`, `3m`, `5h` or `40d`, rounded down. */
export function ageText(ms: number): string {
  const [unit, size] = ages.find(([, least]) => ms >= least) ?? ['s', 1_000];
  return `${Math.max(0, Math.floor(ms / size))}${unit}`;
}

/** Returns `2026-03-01 14:05:09` in the time zone of the browser. */
export function timeText(ms: number): string {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return 'unknown time';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Returns `Mar 1 14:05` in the time zone of the browser; with the year if it is not the current
 * one.
 */
export function shortTimeText(ms: number, nowMs = Date.now()): string {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return 'unknown time';
  const year = time.getFullYear() === new Date(nowMs).getFullYear() ? '' : ` ${time.getFullYear()}`;
  const clock = [time.getHours(), time.getMinutes()].map((value) => String(value).padStart(2, '0'));
  return `${months[time.getMonth()] ?? ''} ${time.getDate()}${year} ${clock.join(':')}`;
}

/** Returns `2.3 s`, `12 s`, `4m 05s` or `2h 05m`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return minutes < 60
    ? `${minutes}m ${two(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
}

/** Returns `512 B`, `1.4 kB` or `3.2 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1_000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ''}`;
}
