import { badParameter, notFound, ok, type Answer } from './answer.ts';
import type { Call } from './call.ts';
import { invoicesOf, isShown, renderInvoice } from './data/invoice.ts';
import type { Key } from './data/key.ts';
import { perInvoice } from './data/line-item.ts';
import type { Rendered } from './data/rendered.ts';
import { keyOf } from './data/uuid.ts';
import { invoiceSwitches } from './lists/billing.ts';

/** The two kinds of rows inside invoices, which can be looked up but not listed. */
const kinds = {
  line_items: { uuid: 'line_item', externalId: /^li_(\d+)_(\d+)$/, what: 'Line item' },
  transactions: { uuid: 'transaction', externalId: /^tr_(\d+)_(\d+)$/, what: 'Transaction' },
} as const;

type NestedKind = keyof typeof kinds;

export function byUuid(call: Call, nested: NestedKind, uuid: string): Answer {
  const key = keyOf(call.world.random, kinds[nested].uuid, uuid);
  const invoice = key && { member: key.member, ordinal: Math.floor(key.ordinal / perInvoice) };
  const found = invoice && rowsIn(call, nested, invoice).find((row) => row['uuid'] === uuid);
  return found === undefined ? notFound(kinds[nested].what) : ok(found);
}

/**
 * Looks up a row by its external_id, which only the first row of an invoice has. Both parameters
 * are required.
 */
export function byExternalId(call: Call, nested: NestedKind): Answer {
  for (const name of ['data_source_uuid', 'external_id']) {
    if (!call.query.has(name)) throw badParameter(name, 'missing');
  }
  const externalId = call.query.get('external_id') ?? '';
  const match = kinds[nested].externalId.exec(externalId);
  const invoice = match && { member: Number(match[1]), ordinal: Number(match[2]) };
  const found = invoice === null ? [] : rowsIn(call, nested, invoice, call.query.get('data_source_uuid'));
  return ok({ [nested]: found.filter((row) => row['external_id'] === externalId) });
}

function rowsIn({ world, query }: Call, nested: NestedKind, key: Key, source?: string | null): Rendered[] {
  if (key.member >= world.members()) return [];
  const switches = invoiceSwitches(query);
  const invoice = invoicesOf(world, key.member).find(({ ordinal }) => ordinal === key.ordinal);
  if (invoice === undefined || !isShown(world, invoice, switches)) return [];
  const rendered = renderInvoice(world, invoice, switches);
  if (source !== undefined && rendered['data_source_uuid'] !== source) return [];
  return rendered[nested] as Rendered[];
}
