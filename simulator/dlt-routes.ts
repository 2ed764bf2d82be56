import { badParameter, refusal } from './answer.ts';
import type { Call, Handler, Route } from './call.ts';
import { customersInOrder, customerUuid } from './data/customer.ts';
import { dataSources, renderDataSource } from './data/data-source.ts';
import { everyInvoice, invoicesOf, renderInvoice } from './data/invoice.ts';
import type { Rendered } from './data/rendered.ts';
import type { World } from './data/world.ts';
import { subscriptionsUnder } from './data/ledger.ts';
import { renderSubscription } from './data/subscription.ts';
import { newestFirst } from './data/walk.ts';
import { invoiceList, invoiceSwitches } from './lists/billing.ts';
import { planList } from './lists/catalogue.ts';
import { customers } from './lists/customers.ts';
import { numberedPageOf, pageOf, type List } from './paging.ts';

const notThere: Handler = () => refusal(404, 'Not found');

/** Returns a list that the real API does not have. Each row is identified by its position. */
function listOf(records: Iterable<Rendered>): List<{ readonly record: Rendered; readonly place: number }> {
  return {
    key: 'entries',
    legacy: 'none',
    *rows(cursor) {
      const first = cursor === undefined ? 0 : Number(cursor);
      if (!Number.isInteger(first)) throw badParameter('cursor', 'invalid');
      let place = 0;
      for (const record of records) {
        if (place >= first) yield { record, place };
        place++;
      }
    },
    render: ({ record }) => record,
    cursorOf: ({ place }) => String(place + 1),
  };
}

function* accountSubscriptions(world: World): Iterable<Rendered> {
  for (const { holder } of customersInOrder(world)) {
    const customer = { customer_uuid: customerUuid(world, holder) };
    for (const subscription of subscriptionsUnder(world, holder))
      yield { ...renderSubscription(world, subscription), ...customer };
  }
}

function* accountTransactions(world: World): Iterable<Rendered> {
  for (const invoice of newestFirst(world, (member) => invoicesOf(world, member))) {
    const { uuid, transactions } = renderInvoice(world, invoice, everyInvoice);
    for (const transaction of transactions as Rendered[]) yield { ...transaction, invoice_uuid: uuid };
  }
}

/**
 * Returns routes with the addresses and list keys of dltHub's ChartMogul page. The real addresses
 * that the page replaces return 404. Unlike the real routes, some of these routes walk entire
 * lists, so they suit only small accounts.
 */
export function dltRoutes(paging: 'cursor' | 'pages'): readonly Route[] {
  const answer = paging === 'pages' ? numberedPageOf : pageOf;
  const get = <Item>(path: string, listIn: (call: Call) => List<Item>): Route => [
    'GET',
    path,
    (call) => answer(listIn(call), call.query),
  ];
  return [
    get('/sources', ({ world }) => listOf(dataSources.map((source) => renderDataSource(world, source)))),
    get('/customers', ({ world, query }) => customers(world, query)),
    get('/invoices', ({ world, query }) => ({
      ...invoiceList(world, query, invoiceSwitches(query)),
      key: 'entries',
    })),
    get('/subscriptions', ({ world }) => listOf(accountSubscriptions(world))),
    get('/plans', ({ world, query }) => ({ ...planList(world, query), key: 'entries' })),
    get('/transactions', ({ world }) => listOf(accountTransactions(world))),
    ['GET', '/data_sources', notThere],
    ['GET', '/data_sources/:uuid', notThere],
    ['GET', '/customers/:uuid/subscriptions', notThere],
  ];
}
