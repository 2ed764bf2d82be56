import { isIPv6 } from 'node:net';
import { ConfigError } from '../errors.ts';
import { isStreamName } from '../stream-name.ts';
import { mostSimilar } from './choice.ts';
import { visibleLine } from '../terminal/terminal.ts';

// One parser for each kind of value. All throw a ConfigError that names the setting.

export function wrong(name: string, got: string, rule: string): ConfigError {
  return new ConfigError(`${name} must be ${rule}; got ${shownValue(got)}`);
}

/**
 * Returns the error for a value that is not one of the choices. It suggests the most similar one.
 */
export function notOneOf(name: string, got: string, choices: readonly string[]): ConfigError {
  const similar = mostSimilar(got, choices);
  if (similar === undefined) return wrong(name, got, `one of ${choices.join(', ')}`);
  return new ConfigError(`${name} got ${shownValue(got)}: did you mean ${similar}?`);
}

/** Returns a setting's value for a message: quoted, truncated, with control characters escaped. */
export function shownValue(text: string): string {
  return visibleLine(JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text));
}

const MAX_SHOWN = 200;

/** Returns an error that does not repeat an address that may contain a password. */
function wrongAddress(name: string, got: string, rule: string): ConfigError {
  return /[@?#]/.test(got) ? new ConfigError(`${name} must be ${rule}`) : wrong(name, got, rule);
}

/** Parses the address of ChartMogul's API. To protect the key, plain http is for loopback only. */
export function chartmogulUrl(name: string, value: string): string {
  const url = httpUrl(name, value);
  if (url.startsWith('http:') && !isLoopback(new URL(url).hostname))
    throw wrong(name, value, 'https (plain http only to a loopback host)');
  return url;
}

export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Parses an address to listen on: a name, or an IP address without brackets. */
export function host(name: string, value: string): string {
  return pattern(name, value, /^[A-Za-z0-9._:-]{1,253}$/, 'a host name or an IP address, without a port');
}

export function httpUrl(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== ''))
    throw new ConfigError(`${name} must not contain a user or password: use the settings for them`);
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw wrongAddress(name, value, 'an http or https address without a user, password or query');
  return url.href.replace(/\/+$/, '');
}

/**
 * Parses the address of a proxy, which may contain a user and password. The default scheme is http,
 * as in curl.
 */
export function proxyUrl(name: string, value: string): string {
  if (value === '') return '';
  const address = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new ConfigError(`${name} must be the http or https address of a proxy`);
  return url.href;
}

/** Returns a key or password without the spaces and line breaks that files and shells add. */
export function secretText(name: string, value: string): string {
  const text = value.trim();
  if (text === '') throw new ConfigError(`${name} must be one line of text; got an empty string`);
  if (/\p{Cc}/u.test(text))
    throw new ConfigError(`${name} must be one line of text; got a line break or another control character`);
  return text;
}

export function commaList(value: string): string[] {
  return value.split(',').map((item) => item.trim());
}

export function brokers(name: string, value: string): readonly string[] {
  const list = commaList(value);
  for (const broker of list) {
    const { host, port } = splitBroker(broker);
    if (host === '' || !(port >= 1 && port <= 65_535))
      throw wrongAddress(name, value, 'host:port, or a comma-separated list of them');
  }
  return list;
}

/** Splits `host:port` or `[v6]:port`. The port is NaN if it is missing. */
export function splitBroker(broker: string): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:\s/@]+):(\d{1,5})$/.exec(broker);
  const host = match?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (match?.[1]?.startsWith('[') === true && !isIPv6(host)) return { host: '', port: NaN };
  return { host, port: Number(match?.[2] ?? NaN) };
}

/** Parses `name=value` pairs, within the restrictions of RFC 7628. */
export function saslExtensions(name: string, value: string): Readonly<Record<string, string>> {
  const pairs = value === '' ? [] : commaList(value).map((item) => /^([A-Za-z]+)=([ -+\--~]+)$/.exec(item));
  const extensions = pairs.map((pair) => {
    if (pair === null || pair[1] === 'auth') throw wrong(name, value, 'name=value, or a list of them');
    return [pair[1], pair[2]] as const;
  });
  return Object.freeze(Object.fromEntries(extensions) as Record<string, string>);
}

export function boolean(name: string, value: string): boolean {
  return oneOf(name, value.toLowerCase(), ['true', 'false', '1', '0']).match(/true|1/) !== null;
}

export function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw notOneOf(name, value, choices);
  return choice;
}

export function severalOf<T extends string>(name: string, value: string, known: readonly T[]): readonly T[] {
  const list = commaList(value);
  const chosen = list.flatMap((item) => known.find((choice) => choice === item) ?? []);
  const unknown = list.find((item) => !known.some((choice) => choice === item)) ?? '';
  if (mostSimilar(unknown, known) !== undefined) throw notOneOf(name, unknown, known);
  if (new Set(chosen).size < list.length)
    throw wrong(name, value, `a comma-separated list of ${known.join(', ')}, each at most once`);
  return Object.freeze(chosen);
}

/** Parses a list of streams. Commands check that the streams exist. */
export function streamList(name: string, value: string): readonly string[] {
  if (value === '') return Object.freeze([]);
  const list = commaList(value);
  if (!list.every(isStreamName) || new Set(list).size < list.length)
    throw wrong(name, value, 'a comma-separated list of streams, each at most once');
  return Object.freeze(list);
}

export function decimal(min: number, max: number): (name: string, value: string) => number {
  return (name, value) => {
    const isNumber = /^\d{1,9}(\.\d{1,9})?$/.test(value);
    if (isNumber && Number(value) >= min && Number(value) <= max) return Number(value);
    throw wrong(name, value, `a number from ${min} to ${max}`);
  };
}

export function integer(name: string, value: string, min: number, max: number): number {
  if (/^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw wrong(name, value, `a whole number from ${min} to ${max}`);
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns `30s`, `15m`, `6h` or `1d` in milliseconds. */
export function duration(name: string, value: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(value) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? NaN);
  if (Number.isNaN(ms)) throw wrong(name, value.slice(0, 80), 'a time such as 30s, 15m, 6h or 1d');
  return ms;
}

/** Returns an age such as `2h`, or an ISO time, as ms since 1970. */
export function timeOrAge(name: string, value: string, nowMs: number, rule: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  return count === undefined
    ? pastTime(name, value, nowMs, rule)
    : nowMs - Number(count) * (unitMs[unit] ?? NaN);
}

const ISO_TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** Returns a past ISO time as ms since 1970. A date means 00:00. Without a zone, UTC applies. */
export function pastTime(name: string, value: string, nowMs: number, rule: string): number {
  const [, day = '', time = '00:00', zone = 'Z'] = ISO_TIME.exec(value) ?? [];
  const timeMs = isDay(day) ? Date.parse(`${day}T${time}${zone}`) : NaN;
  if (Number.isNaN(timeMs)) throw wrong(name, value.slice(0, 80), rule);
  if (timeMs > nowMs) throw new ConfigError(`${name} must not be in the future; got ${value}`);
  return timeMs;
}

function isDay(text: string): boolean {
  const timeMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  // `Date` turns 30 February into a day in March, so the result is compared with the text.
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(text);
}

/** Parses `YYYY-MM-DD`. ClickHouse's dates begin in 1900. */
export function calendarDay(name: string, value: string): string {
  if (!/^(19|20)/.test(value) || !isDay(value))
    throw wrong(name, value, 'a day from 1900-01-01 to 2099-12-31, as YYYY-MM-DD');
  return value;
}

export function identifier(name: string, value: string): string {
  const rule = 'a letter or _, then letters, digits, _ or -';
  return pattern(name, value, /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, rule);
}

export function pattern(name: string, value: string, allowed: RegExp, rule: string): string {
  if (!allowed.test(value)) throw wrong(name, value, rule);
  return value;
}
