import type { Key } from './key.ts';
import type { Random } from './random.ts';

const prefixes = {
  customer: 'cus_',
  contact: 'con_',
  data_source: 'ds_',
  plan: 'pl_',
  plan_group: 'plg_',
  note: 'note_',
  invoice: 'inv_',
  line_item: 'li_',
  transaction: 'tr_',
  import_subscription: 'sub_',
  account: 'acc_',
  subscription: '',
  opportunity: '',
  task: '',
  activity: '',
  activities_export: '',
  json_import: '',
} as const;

export type UuidKind = keyof typeof prefixes;

const rounds = 4;

/**
 * Returns the uuid of a record. It looks random but contains the key in scrambled form, so that a
 * record can be found by its uuid without an index of all uuids.
 */
export function uuidOf(random: Random, kind: UuidKind, key: Key): string {
  let left = key.member >>> 0;
  let right = key.ordinal >>> 0;
  for (let round = 0; round < rounds; round++)
    [left, right] = [right, (left ^ random.bits(kind, right, round)) >>> 0];
  const check =
    hex(random.bits(kind, key.member, key.ordinal, 1)) + hex(random.bits(kind, key.member, key.ordinal, 2));
  const last = hex(right);
  return (
    `${prefixes[kind]}${hex(left)}-${check.slice(0, 4)}-4${check.slice(4, 7)}-` +
    `8${check.slice(7, 10)}-${check.slice(10, 14)}${last}`
  );
}

/** Returns the key of a uuid of this kind; undefined for a uuid that this account never created. */
export function keyOf(random: Random, kind: UuidKind, uuid: string): Key | undefined {
  const bare = uuid.slice(prefixes[kind].length);
  if (!uuid.startsWith(prefixes[kind]) || !/^[0-9a-f-]{36}$/.test(bare)) return undefined;
  let left = Number.parseInt(bare.slice(0, 8), 16);
  let right = Number.parseInt(bare.slice(28), 16);
  for (let round = rounds - 1; round >= 0; round--)
    [left, right] = [(right ^ random.bits(kind, left, round)) >>> 0, left];
  const key = { member: left, ordinal: right };
  return uuidOf(random, kind, key) === uuid ? key : undefined;
}

const bytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex(bits: number): string {
  return `${byteAt(bits, 24)}${byteAt(bits, 16)}${byteAt(bits, 8)}${byteAt(bits, 0)}`;
}

function byteAt(bits: number, shift: number): string {
  return bytes[(bits >>> shift) & 255] ?? '';
}
