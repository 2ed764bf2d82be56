import { customerUuid } from '../data/customer.ts';
import { everyInvoice, invoicesOf, renderInvoice } from '../data/invoice.ts';
import { subscriptionsOf, type Invoice, type Subscription } from '../data/ledger.ts';
import { membersOf } from '../data/merge.ts';
import {
  importSubscriptionUuid,
  renderImportSubscription,
  renderSubscription,
} from '../data/subscription.ts';
import { keyOf } from '../data/uuid.ts';
import type { World } from '../data/world.ts';
import { badCursor, idInCursor, perPageOf, toCursor, type List } from '../paging.ts';
import { nanoseconds } from '../data/instant.ts';
import { createdList } from './created-list.ts';

function subscriptionsUnder(world: World, holder: number): Subscription[] {
  return membersOf(world, holder).flatMap((member) => subscriptionsOf(world, member));
}

/** Lists subscriptions. The cursor is a disguised page number, even on an empty page. */
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
    accepts: () => true,
    cursorOf: () => nextPage,
  };
}

function pageIn(cursor: string | null): number {
  if (cursor === null) return 1;
  const match = /^subscriptions_next_page=(\d{1,6})$/.exec(Buffer.from(cursor, 'base64').toString('utf8'));
  if (match === null) throw badCursor();
  return Number(match[1]);
}

/** Lists subscriptions as they were imported. */
export function importedSubscriptions(world: World, holder: number): List<Subscription> {
  const createdAt = ({ member, index }: Subscription) => world.importedAt({ member, ordinal: index });
  return {
    key: 'subscriptions',
    legacy: 'pages',
    extra: { customer_uuid: customerUuid(world, holder) },
    rows(cursor) {
      const newest = subscriptionsUnder(world, holder).reverse();
      if (cursor === undefined) return newest;
      const key = keyOf(world.random, 'import_subscription', idInCursor(cursor));
      const last = newest.findIndex(({ member, index }) => member === key?.member && index === key.ordinal);
      if (last < 0) throw badCursor();
      return newest.slice(last + 1);
    },
    render: (subscription) => renderImportSubscription(world, subscription),
    accepts: () => true,
    cursorOf: (subscription) =>
      toCursor(nanoseconds(createdAt(subscription)), importSubscriptionUuid(world, subscription)),
  };
}

/** Lists a customer's invoices, which name their customer once, above them all. */
export function importedInvoices(world: World, holder: number): List<Invoice> {
  const list = createdList(
    world,
    new URLSearchParams(),
    {
      key: 'invoices',
      uuid: 'invoice',
      legacy: 'pages',
      filters: {},
      itemsOf: invoicesOf,
      render: (_, invoice) => renderInvoice(world, invoice, everyInvoice, true),
      createdAt: (_, invoice) => world.importedAt(invoice),
    },
    membersOf(world, holder),
  );
  return { ...list, extra: { customer_uuid: customerUuid(world, holder) } };
}
