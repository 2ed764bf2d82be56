import { notFound, ok, refusal, type Answer } from './answer.ts';
import type { Call, Handler, Route } from './call.ts';
import { renderAccount } from './data/account.ts';
import { historyOf } from './data/attribute-history.ts';
import { attributesOf, customerOf, customerUuid, holderByUuid, renderCustomer } from './data/customer.ts';
import { dataSources, dataSourceUuid, renderDataSource } from './data/data-source.ts';
import type { Key } from './data/key.ts';
import { planGroups, planGroupUuid, renderPlanGroup } from './data/plan-group.ts';
import { plans, planUuid, renderPlan } from './data/plan.ts';
import { keyOf } from './data/uuid.ts';
import { isTrue } from './filters.ts';
import type { Jobs } from './jobs.ts';
import { activities, customerActivities, type ActivitiesCursor } from './lists/activities.ts';
import { invoices, invoiceSwitches, subscriptionEvents } from './lists/billing.ts';
import { planGroupList, planList } from './lists/catalogue.ts';
import { createdList, type CreatedKind } from './lists/created-list.ts';
import { contacts, customerNotes, notes, opportunities, tasks } from './lists/crm.ts';
import { customerSubscriptions, importedInvoices, importedSubscriptions } from './lists/customer-billing.ts';
import { customers, customerSearch } from './lists/customers.ts';
import { byExternalId, byUuid } from './lookups.ts';
import { answerMetrics } from './metrics.ts';
import { pageOf } from './paging.ts';

function created<Item extends Key>(kind: CreatedKind<Item>): Handler {
  return ({ world, query }) => pageOf(createdList(world, query, kind), query);
}

/** Returns the handler for a record of a created list by its uuid. */
function single<Item extends Key>(kind: CreatedKind<Item>, what: string): Handler {
  return ({ world }, uuid) => {
    const key = keyOf(world.random, kind.uuid, uuid);
    const items = key === undefined || key.member >= world.members() ? [] : kind.itemsOf(world, key.member);
    const item = items.find(({ ordinal }) => ordinal === key?.ordinal);
    return item === undefined ? notFound(what) : ok(kind.render(world, item));
  };
}

/** Returns a handler that answers about the living customer that the path names. */
function ofCustomer(answer: (call: Call, holder: number) => Answer): Handler {
  return (call, uuid) => {
    const holder = holderByUuid(call.world, uuid);
    return holder === undefined ? notFound('Customer') : answer(call, holder);
  };
}

const dataSourceExpansions = (query: URLSearchParams) => ({
  processingStatus: isTrue(query, 'with_processing_status'),
  autoChurn: isTrue(query, 'with_auto_churn_subscription_setting'),
  invoiceHandling: isTrue(query, 'with_invoice_handling_setting'),
});

function listDataSources({ world, query }: Call): Answer {
  const asked = (name: string, value: string | null) => (query.get(name) ?? value) === value;
  const found = dataSources.filter(({ name, system }) => asked('name', name) && asked('system', system));
  const rendered = found.map((source) => renderDataSource(world, source, dataSourceExpansions(query)));
  return ok({ data_sources: rendered });
}

function retrieveDataSource({ world, query }: Call, uuid: string): Answer {
  const source = dataSources.find((candidate) => dataSourceUuid(world, candidate) === uuid);
  return source === undefined
    ? notFound('Data source')
    : ok(renderDataSource(world, source, dataSourceExpansions(query)));
}

function searchCustomers({ world, query }: Call): Answer {
  const email = query.get('email');
  if (email === null) return refusal(400, 'Parameter "email" is missing', 'email');
  const list = customerSearch(world, email);
  const isFound = !list.rows(undefined)[Symbol.iterator]().next().done;
  return isFound
    ? pageOf(list, query)
    : refusal(404, `Can't find any customers with email: ${JSON.stringify(email)}`, 'email');
}

function retrieveCustomer({ world, query }: Call, holder: number): Answer {
  const customer = renderCustomer(world, customerOf(world, holder), true);
  return ok({ ...customer, ...historyOf(world, holder, attributesOf(world, holder), query) });
}

function retrieveAttributes({ world, query }: Call, holder: number): Answer {
  const attributes = attributesOf(world, holder);
  return ok({ ...attributes, ...historyOf(world, holder, attributes, query) });
}

function listContactsOfCustomer({ world, query }: Call, holder: number): Answer {
  // A contact without a customer belongs to a member, but is not in the customer's list.
  const asked = new URLSearchParams([...query, ['customer_uuid', customerUuid(world, holder)]]);
  return pageOf(createdList(world, asked, contacts), query);
}

const invoicesAsked = ({ query }: Call) => invoices(invoiceSwitches(query));

function retrievePlan({ world }: Call, uuid: string): Answer {
  const plan = plans.find((candidate) => planUuid(world, candidate) === uuid);
  return plan === undefined ? notFound('Plan') : ok(renderPlan(world, plan));
}

function retrievePlanGroup({ world }: Call, uuid: string): Answer {
  const group = planGroups.find((candidate) => planGroupUuid(world, candidate) === uuid);
  return group === undefined ? notFound('Plan group') : ok(renderPlanGroup(world, group));
}

function listPlansOfGroup({ world, query }: Call, uuid: string): Answer {
  const group = planGroups.find((candidate) => planGroupUuid(world, candidate) === uuid);
  return group === undefined ? notFound('Plan group') : pageOf(planList(world, query, group.plans), query);
}

const customerRoutes: readonly Route[] = [
  ['GET', '/customers', ({ world, query }) => pageOf(customers(world, query), query)],
  ['GET', '/customers/search', searchCustomers],
  ['GET', '/customers/:uuid', ofCustomer(retrieveCustomer)],
  ['GET', '/customers/:uuid/attributes', ofCustomer(retrieveAttributes)],
  ['GET', '/customers/:uuid/contacts', ofCustomer(listContactsOfCustomer)],
  [
    'GET',
    '/customers/:uuid/subscriptions',
    ofCustomer(({ world, query }, holder) => pageOf(customerSubscriptions(world, query, holder), query)),
  ],
  [
    'GET',
    '/customers/:uuid/activities',
    ofCustomer(({ world, query }, holder) => pageOf(customerActivities(world, holder), query)),
  ],
  [
    'GET',
    '/import/customers/:uuid/invoices',
    ofCustomer(({ world, query }, holder) => pageOf(importedInvoices(world, holder), query)),
  ],
  [
    'GET',
    '/import/customers/:uuid/subscriptions',
    ofCustomer(({ world, query }, holder) => pageOf(importedSubscriptions(world, holder), query)),
  ],
];

/** Returns every address of the real API. */
export function createRoutes(jobs: Jobs, activitiesCursor: ActivitiesCursor): readonly Route[] {
  return [
    ['GET', '/ping', () => ok({ data: 'pong!' })],
    [
      'GET',
      '/account',
      ({ world, query }) => ok(renderAccount(world, (query.get('include') ?? '').split(','))),
    ],
    ['GET', '/data_sources', listDataSources],
    ['GET', '/data_sources/:uuid', retrieveDataSource],
    ['POST', '/data_sources/:uuid/json_imports', (call, source) => jobs.startImport(call, source)],
    ['GET', '/data_sources/:uuid/json_imports/:id', (call, source, id) => jobs.import(call, source, id)],
    ...customerRoutes,
    ['GET', '/contacts', created(contacts)],
    ['GET', '/contacts/:uuid', single(contacts, 'Contact')],
    ['GET', '/customer_notes', created(customerNotes)],
    ['GET', '/customer_notes/:uuid', single(customerNotes, 'Note')],
    ['GET', '/notes', created(notes)],
    ['GET', '/notes/:uuid', single(notes, 'Note')],
    ['GET', '/opportunities', created(opportunities)],
    ['GET', '/opportunities/:uuid', single(opportunities, 'Opportunity')],
    ['GET', '/tasks', created(tasks)],
    ['GET', '/tasks/:uuid', single(tasks, 'Task')],
    ['GET', '/plans', ({ world, query }) => pageOf(planList(world, query), query)],
    ['GET', '/plans/:uuid', retrievePlan],
    ['GET', '/plan_groups', ({ world, query }) => pageOf(planGroupList(world, query), query)],
    ['GET', '/plan_groups/:uuid', retrievePlanGroup],
    ['GET', '/plan_groups/:uuid/plans', listPlansOfGroup],
    ['GET', '/invoices', (call, ...rest) => created(invoicesAsked(call))(call, ...rest)],
    ['GET', '/invoices/:uuid', (call, ...rest) => single(invoicesAsked(call), 'Invoice')(call, ...rest)],
    ['GET', '/line_items', (call) => byExternalId(call, 'line_items')],
    ['GET', '/line_items/:uuid', (call, uuid) => byUuid(call, 'line_items', uuid)],
    ['GET', '/transactions', (call) => byExternalId(call, 'transactions')],
    ['GET', '/transactions/:uuid', (call, uuid) => byUuid(call, 'transactions', uuid)],
    ['GET', '/subscription_events', ({ world, query }) => pageOf(subscriptionEvents(world, query), query)],
    ['GET', '/activities', ({ world, query }) => pageOf(activities(world, query, activitiesCursor), query)],
    ['POST', '/activities_export', (call) => jobs.startExport(call)],
    ['GET', '/activities_export/:id', (call, id) => jobs.export(call, id)],
    ['GET', '/metrics/:name', answerMetrics],
  ];
}
