import { badParameter } from '../answer.ts';
import { customerUuid } from '../data/customer.ts';
import { everyInvoice, renderInvoice } from '../data/invoice.ts';
import { subscriptionsUnder, type Invoice, type Subscription } from '../data/ledger.ts';
import { membersOf } from '../data/merge.ts';
import { importSubscriptionUuid, renderImported, renderSubscription } from '../data/subscription.ts';
import type { World } from '../data/world.ts';
import { perPageOf, rowsAfter, toCursor, type List } from '../paging.ts';
import { nanoseconds } from '../data/instant.ts';
import { invoices } from './billing.ts';
import { createdList, type CreatedKind } from './created-list.ts';

/**
 * Lists a customer's subscriptions. The cursor is an encoded page number, even on an empty page.
 */
export function customerSubscriptions(
  world: World,
  holder: number,
  query: URLSearchParams,
): List<Subscription> {
  const page = pageIn(query.get('cursor'));
  const nextPage = Buffer.from(`subscriptions_next_page=${page + 1}`).toString('base64');
  return {
    key: 'entries',
    legacy: 'page',
    whenEmpty: { cursor: nextPage },
    rows: () => subscriptionsUnder(world, holder).slice((page - 1) * perPageOf(query)),
    render: (subscription) => renderSubscription(world, subscription),
    cursorOf: () => nextPage,
  };
}

function pageIn(cursor: string | null): number {
  if (cursor === null) return 1;
  const match = /^subscriptions_next_page=(\d{1,6})$/.exec(Buffer.from(cursor, 'base64').toString('utf8'));
  if (match === null) throw badParameter('cursor', 'invalid');
  return Number(match[1]);
}

export function importedSubscriptions(world: World, holder: number): List<Subscription> {
  const uuidOf = (subscription: Subscription) => importSubscriptionUuid(world, subscription);
  return {
    key: 'subscriptions',
    legacy: 'pages',
    extra: { customer_uuid: customerUuid(world, holder) },
    rows: (cursor) => rowsAfter(cursor, subscriptionsUnder(world, holder).reverse(), uuidOf),
    render: (subscription) => renderImported(world, subscription),
    cursorOf: (subscription) => {
      const { member, index } = subscription;
      return toCursor(nanoseconds(world.importedAt({ member, ordinal: index })), uuidOf(subscription));
    },
  };
}

/** Lists a customer's invoices. The response identifies the customer once, at the top level. */
export function importedInvoices(world: World, holder: number): List<Invoice> {
  const kind: CreatedKind<Invoice> = {
    ...invoices(everyInvoice),
    render: (_, invoice) => renderInvoice(world, invoice, everyInvoice, true),
  };
  const list = createdList(world, new URLSearchParams(), kind, membersOf(world, holder));
  return { ...list, extra: { customer_uuid: customerUuid(world, holder) } };
}
