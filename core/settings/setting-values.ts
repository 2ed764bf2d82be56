import { isIPv6 } from 'node:net';
import { ConfigError } from '../errors.ts';
import { UNPRINTABLE } from '../terminal/unprintable.ts';

/** What a setting's text may say, one function for each kind of value. All throw ConfigError naming the setting. */

/** The setting, what it got, what it wants. */
export function wrong(name: string, got: string, wants: string): ConfigError {
  return new ConfigError(`${name} is ${shownValue(got)}, wants ${wants}`);
}

/** The value of a setting for a message: quoted, truncated, with control characters escaped. */
export function shownValue(text: string): string {
  const line = JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
  return line.replace(
    UNPRINTABLE,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

const MAX_SHOWN = 200;

/** For addresses: a mistyped one may hold a password, and is then not repeated. */
function wrongAddress(name: string, got: string, wants: string): ConfigError {
  return /[@?#]/.test(got)
    ? new ConfigError(`${name} is not understood, wants ${wants}`)
    : wrong(name, got, wants);
}

/** An address of ChartMogul's API: the key goes there, so in the clear only on this machine. */
export function chartmogulUrl(value: string): string {
  const url = httpUrl('CHARTMOGUL_BASE_URL', value);
  if (url.startsWith('http:') && !isLoopback(new URL(url).hostname)) {
    throw wrong('CHARTMOGUL_BASE_URL', value, 'https (plain http only to a loopback host)');
  }
  return url;
}

/** True for the names and addresses that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Without a trailing slash. */
export function httpUrl(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new ConfigError(`${name} holds a user or password, wants them in settings of their own`);
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw wrongAddress(name, value, 'an http or https address without user, password and query');
  }
  return url.href.replace(/\/+$/, '');
}

/** The address of a proxy, which may hold a user and password; '' stays ''. Without a scheme it is http, as curl has it. */
export function proxyUrl(name: string, value: string): string {
  if (value === '') return '';
  const address = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new ConfigError(`${name} is not understood, must be the http or https address of a proxy`);
  return url.href;
}

/** A key or password without the blanks and line breaks around it, which files and shells leave there. */
export function secretText(name: string, value: string): string {
  const text = value.trim();
  if (text === '') throw new ConfigError(`${name} is blank, must be one line of text that is not empty`);
  if (/\p{Cc}/u.test(text))
    throw new ConfigError(
      `${name} holds a line break or another control character, must be one line of text`,
    );
  return text;
}

export function brokers(value: string): string[] {
  const list = value.split(',').map((broker) => broker.trim());
  for (const broker of list) {
    const { host, port } = splitBroker(broker);
    if (host === '' || !(port >= 1 && port <= 65_535))
      throw wrongAddress('KAFKA_BROKERS', value, 'host:port, several by comma');
  }
  return list;
}

/** `host:port` or `[v6]:port` in its two parts; `port` is NaN where there is none. */
export function splitBroker(broker: string): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:\s/@]+):(\d{1,5})$/.exec(broker);
  const host = match?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (match?.[1]?.startsWith('[') === true && !isIPv6(host)) return { host: '', port: NaN };
  return { host, port: Number(match?.[2] ?? NaN) };
}

export function boolean(name: string, value: string): boolean {
  return oneOf(name, value.toLowerCase(), ['true', 'false', '1', '0']).match(/true|1/) !== null;
}

export function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw wrong(name, value, `one of ${choices.join(', ')}`);
  return choice;
}

/** A comma list of choices, each at most once. */
export function severalOf<T extends string>(name: string, value: string, known: readonly T[]): readonly T[] {
  const list = value.split(',').map((item) => known.find((choice) => choice === item.trim()));
  const chosen = list.filter((choice) => choice !== undefined);
  if (new Set(chosen).size < list.length) {
    throw wrong(name, value, `a comma list of ${known.join(', ')}, each at most once`);
  }
  return Object.freeze(chosen);
}

/** In plain digits, with or without a fraction. */
export function number(name: string, value: string, min: number, max: number): number {
  if (/^\d{1,9}(\.\d{1,9})?$/.test(value) && Number(value) >= min && Number(value) <= max)
    return Number(value);
  throw wrong(name, value, `a number from ${min} to ${max}`);
}

export function integer(name: string, value: string, min: number, max: number): number {
  if (/^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw wrong(name, value, `a whole number from ${min} to ${max}`);
}

/** Milliseconds of the units that times are typed in. */
export const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30s`, `15m`, `6h` or `1d` in milliseconds. */
export function duration(name: string, value: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(value) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? NaN);
  if (Number.isNaN(ms)) throw wrong(name, value.slice(0, 80), 'a time such as 30s, 15m, 6h or 1d');
  return ms;
}

/** `YYYY-MM-DD`, a day that the calendar has; from 1900 on, where ClickHouse's dates begin. */
export function calendarDay(name: string, value: string): string {
  const isDay = /^(19|20)\d\d-\d\d-\d\d$/.test(value) && isOfCalendar(value);
  if (!isDay) throw wrong(name, value, 'a day from 1900-01-01 to 2099-12-31, as YYYY-MM-DD');
  return value;
}

/** `Date` takes 30 February for 1 March, so the day is compared with what came of it. */
function isOfCalendar(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

export function identifier(name: string, value: string): string {
  return pattern(
    name,
    value,
    /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/,
    'a letter or _, then letters, digits, _ or -',
  );
}

export function pattern(name: string, value: string, allowed: RegExp, wants: string): string {
  if (!allowed.test(value)) throw wrong(name, value, wants);
  return value;
}
