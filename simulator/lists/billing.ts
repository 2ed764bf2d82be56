import type { Key } from '../data/key.ts';
import { nanoseconds } from '../data/instant.ts';
import { invoicesOf, isShown, renderInvoice, type InvoiceSwitches } from '../data/invoice.ts';
import type { Invoice } from '../data/ledger.ts';
import {
  isDisabledEvent,
  renderSubscriptionEvent,
  subscriptionEventId,
  subscriptionEventKey,
  subscriptionEventsOf,
  type SubscriptionEvent,
} from '../data/subscription-event.ts';
import { newestFirst } from '../data/walk.ts';
import type { World } from '../data/world.ts';
import { badParameter } from '../answer.ts';
import { accepting, isTrue, type Filters } from '../filters.ts';
import { idInCursor, toCursor, type List } from '../paging.ts';
import { createdList, membersAsked, type CreatedKind } from './created-list.ts';
import { withImported, type ImportedRow } from './with-imported.ts';

export function invoiceSwitches(query: URLSearchParams): InvoiceSwitches {
  const validationType = query.get('validation_type') ?? 'valid';
  if (validationType !== 'valid' && validationType !== 'invalid' && validationType !== 'all')
    throw badParameter('validation_type', 'invalid');
  return {
    validationType,
    withDisabled: isTrue(query, 'with_disabled'),
    withEdits: isTrue(query, 'include_edit_histories'),
  };
}

export function invoices(switches: InvoiceSwitches): CreatedKind<Invoice> {
  return {
    key: 'invoices',
    uuid: 'invoice',
    legacy: 'pages',
    filters: { customer_uuid: true, data_source_uuid: true, external_id: true },
    itemsOf: (world, member) =>
      invoicesOf(world, member).filter((invoice) => isShown(world, invoice, switches)),
    render: (world, invoice) => renderInvoice(world, invoice, switches),
    createdAt: (world, key: Key) => world.importedAt(key),
  };
}

/** Lists all invoices, or those of the customer in the query. Imported ones are always valid. */
export function invoiceList(
  world: World,
  query: URLSearchParams,
  switches: InvoiceSwitches,
): List<Invoice | ImportedRow> {
  const customer = query.get('customer_uuid');
  const { imported } = world;
  const ofQuery = customer === null ? imported.all('invoices') : imported.invoicesOf(customer);
  const records = switches.validationType === 'invalid' ? [] : ofQuery;
  return withImported(createdList(world, query, invoices(switches)), records, 'first');
}

const eventFilters: Filters = {
  data_source_uuid: true,
  external_id: true,
  customer_external_id: true,
  subscription_external_id: true,
  plan_external_id: true,
  event_type: true,
  // It is not documented whether these filters accept ranges. Here they match a day or an instant.
  event_date: (record, value) => String(record['event_date']).startsWith(value),
  effective_date: (record, value) => String(record['effective_date']).startsWith(value),
};

export function subscriptionEvents(
  world: World,
  query: URLSearchParams,
): List<SubscriptionEvent | ImportedRow> {
  const withDisabled = isTrue(query, 'with_disabled');
  const itemsOf = (member: number) =>
    subscriptionEventsOf(world, member).filter((event) => withDisabled || !isDisabledEvent(world, event));
  const members = membersAsked(world, query);
  const generated: List<SubscriptionEvent> = {
    key: 'subscription_events',
    legacy: 'meta',
    rows: (cursor) =>
      newestFirst(world, itemsOf, cursor === undefined ? undefined : eventIn(cursor), members),
    render: (event) => renderSubscriptionEvent(world, event),
    accepts: accepting(query, eventFilters),
    cursorOf: (event) => toCursor(nanoseconds(world.importedAt(event)), subscriptionEventId(event)),
  };
  return withImported(generated, world.imported.all('subscription_events'), 'first');
}

function eventIn(cursor: string): Key {
  const key = subscriptionEventKey(Number(idInCursor(cursor)));
  if (!Number.isInteger(key.member) || key.member < 0) throw badParameter('cursor', 'invalid');
  return key;
}
