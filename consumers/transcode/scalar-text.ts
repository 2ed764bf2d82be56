/**
 * Prints scalars as the server's `toString` does, so that equal values have the same text in a
 * column that became a String.
 */

/** Prints a number; `nan`, `inf` or `-inf` if it is not finite. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value).replace('e+', 'e');
}

/** Prints the shortest text that parses to the same 32-bit number. */
export function floatText(value: number): string {
  return doubleText(shortest(value));
}

/** Returns the double with the shortest text among those that round to this 32-bit float. */
export function shortest(float: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const candidate = Number(rounded(float, digits));
    if (Object.is(Math.fround(candidate), float)) return candidate;
  }
  return float;
}

/** Rounds to `digits` digits, and half to even, as the server does. */
function rounded(float: number, digits: number): string {
  const text = float.toPrecision(digits);
  const finer = float.toPrecision(digits + 1);
  const [, start = '', last = '', exponent = ''] = /^([^e]*)(\d)(e.*)?$/.exec(text) ?? [];
  const isMiddle = /5(e.*)?$/.test(finer) && Number(finer) === float;
  return isMiddle && Number(last) % 2 === 1 ? `${start}${Number(last) - 1}${exponent}` : text;
}

/** Prints a date. @param days since 1970. */
export function dateText(days: number): string {
  // Does not use `Date`, which supports years only up to 275,760.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const yearText = year < 0 ? `-${padded(-year, 4)}` : padded(year, 4);
  return `${yearText}-${padded(month, 2)}-${padded(day, 2)}`;
}

/** Prints a timestamp. @param ticks since 1970; 10^digits ticks are a second. */
export function timestampText(ticks: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((ticks % perSecond) + perSecond) % perSecond;
  const seconds = (ticks - fraction) / perSecond;
  const days = Number((seconds - (((seconds % 86_400n) + 86_400n) % 86_400n)) / 86_400n);
  const second = Number(seconds - BigInt(days) * 86_400n);
  const time = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map((part) =>
    padded(part, 2),
  );
  return `${dateText(days)} ${time.join(':')}.${fraction.toString().padStart(digits, '0')}`;
}

/** Prints the exact number `unscaled` / 10^scale with all its decimal places. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const sign = unscaled < 0n ? '-' : '';
  const whole = digits.slice(0, digits.length - scale);
  return scale === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-scale)}`;
}

export function uuidText(bytes: Buffer, start: number): string {
  const hex = bytes.toString('hex', start, start + 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
