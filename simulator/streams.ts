import { renderAccount } from './data/account.ts';
import { customersInOrder, customerUuid } from './data/customer.ts';
import { dataSources, renderDataSource } from './data/data-source.ts';
import { everyInvoice } from './data/invoice.ts';
import { date } from './data/instant.ts';
import type { Key } from './data/key.ts';
import type { Interval } from './data/metric-series.ts';
import { renderMetrics } from './data/metric.ts';
import { planGroups, planGroupUuid } from './data/plan.ts';
import type { Rendered } from './data/rendered.ts';
import type { World } from './data/world.ts';
import { activities, customerActivities } from './lists/activities.ts';
import { invoiceList, subscriptionEvents } from './lists/billing.ts';
import { planGroupList, planList } from './lists/catalogue.ts';
import { createdList, type CreatedKind } from './lists/created-list.ts';
import { contacts, customerNotes, notes, opportunities, tasks } from './lists/crm.ts';
import { customerSubscriptions } from './lists/customer-billing.ts';
import { customers } from './lists/customers.ts';
import { metricAddresses } from './metrics.ts';
import { allOf, type List } from './paging.ts';

const everything = new URLSearchParams({ with_disabled: 'true' });

type Stream = (world: World, interval: Interval) => Iterable<Rendered>;

const all = <Item extends Key>(kind: CreatedKind<Item>): Stream => {
  return (world) => allOf(createdList(world, everything, kind));
};

/** Yields the rows of each customer's list, with the customer's key. */
function* ofCustomers<Item>(world: World, listOf: (holder: number) => List<Item>): Iterable<Rendered> {
  for (const { holder } of customersInOrder(world)) {
    for (const row of allOf(listOf(holder))) yield { ...row, customer_uuid: customerUuid(world, holder) };
  }
}

/** The streams by name. They are lazy: a stream may contain millions of records. */
export const streams: Readonly<Record<string, Stream>> = {
  account: (world) => [renderAccount(world, null)],
  data_sources: (world) => dataSources.map((source) => renderDataSource(world, source)),
  customers: (world) => allOf(customers(world, everything)),
  customer_subscriptions: (world) =>
    ofCustomers(world, (holder) => customerSubscriptions(world, holder, everything)),
  customer_activities: (world) => ofCustomers(world, (holder) => customerActivities(world, holder)),
  contacts: all(contacts),
  customer_notes: all(customerNotes),
  notes: all(notes),
  opportunities: all(opportunities),
  tasks: all(tasks),
  plans: (world) => allOf(planList(world, everything)),
  plan_groups: (world) => allOf(planGroupList(world)),
  *plan_group_plans(world) {
    for (const group of planGroups) {
      const rows = allOf(planList(world, everything, group.plans));
      for (const row of rows) yield { ...row, plan_group_uuid: planGroupUuid(world, group) };
    }
  },
  invoices: (world) => allOf(invoiceList(world, everything, everyInvoice)),
  subscription_events: (world) => allOf(subscriptionEvents(world, everything)),
  activities: (world) => allOf(activities(world, everything, 'sound')),
  ...Object.fromEntries(
    Object.entries(metricAddresses).map(([address, names]): [string, Stream] => [
      `metrics_${address.replaceAll('-', '_')}`,
      function* (world, interval) {
        const window = { start: date(world.opened), end: date(world.nowAt()), interval };
        const { entries } = renderMetrics(world, names, window);
        for (const entry of entries) yield { ...entry, interval };
      },
    ]),
  ),
};
