import { badParameter, notFound, ok, refusal, type Answer } from './answer.ts';
import type { Call, Handler, Route } from './call.ts';
import { renderAccount } from './data/account.ts';
import { historyOf } from './data/attribute-history.ts';
import { attributesOf, customerOf, customerUuid, holderByUuid, renderCustomer } from './data/customer.ts';
import { dataSources, renderDataSource, type DataSource } from './data/data-source.ts';
import type { ImportedKind } from './data/imported.ts';
import type { Key } from './data/key.ts';
import { planGroups, plans, renderPlan, renderPlanGroup, type PlanGroup } from './data/plan.ts';
import type { Rendered } from './data/rendered.ts';
import { keyOf, uuidOf } from './data/uuid.ts';
import type { World } from './data/world.ts';
import { isTrue } from './filters.ts';
import type { Imports } from './imports.ts';
import type { Jobs } from './jobs.ts';
import { activities, customerActivities } from './lists/activities.ts';
import { invoiceList, invoices, invoiceSwitches, subscriptionEvents } from './lists/billing.ts';
import { planGroupList, planList } from './lists/catalogue.ts';
import { createdList, type CreatedKind } from './lists/created-list.ts';
import { contacts, customerNotes, notes, opportunities, tasks } from './lists/crm.ts';
import { customerSubscriptions, importedInvoices, importedSubscriptions } from './lists/customer-billing.ts';
import { customers, customerSearch } from './lists/customers.ts';
import { byExternalId, byUuid } from './lookups.ts';
import { answerMetrics } from './metrics.ts';
import type { SimulatorOptions } from './options.ts';
import { pageOf, type List } from './paging.ts';

function paged<Item>(listIn: (call: Call) => List<Item>): Handler {
  return (call) => pageOf(listIn(call), call.query);
}

function created<Item extends Key>(kind: CreatedKind<Item>): Handler {
  return paged(({ world, query }) => createdList(world, query, kind));
}

/** Returns the handler that looks up one record by its uuid. */
function single<Item extends Key>(kind: CreatedKind<Item>, what: string): Handler {
  return ({ world }, uuid) => {
    const key = keyOf(world.random, kind.uuid, uuid);
    const items = key === undefined || key.member >= world.members() ? [] : kind.itemsOf(world, key.member);
    const item = items.find(({ ordinal }) => ordinal === key?.ordinal);
    return item === undefined ? notFound(what) : ok(kind.render(world, item));
  };
}

/**
 * Returns a handler that answers for the imported record whose uuid is in the path. If there is
 * none, it calls `handler`.
 */
function orImported(
  kind: ImportedKind,
  handler: Handler,
  answer: (record: Rendered) => Answer = ok,
): Handler {
  return (call, uuid, second) => {
    const record = call.world.imported.byId(kind, uuid);
    return record === undefined ? handler(call, uuid, second) : answer(record);
  };
}

/**
 * The paging fields of an empty list. Imports do not create subscriptions, activities or contacts.
 */
const noMore = { cursor: null, has_more: false };

function ofCustomer(answer: (call: Call, holder: number) => Answer): Handler {
  return (call, uuid) => {
    const holder = holderByUuid(call.world, uuid);
    return holder === undefined ? notFound('Customer') : answer(call, holder);
  };
}

function pagedOfCustomer<Item>(
  listOf: (world: World, holder: number, query: URLSearchParams) => List<Item>,
): Handler {
  const answer = ofCustomer(({ world, query }, holder) => pageOf(listOf(world, holder, query), query));
  return orImported('customers', answer, () => ok({ entries: [], ...noMore }));
}

/** Returns a handler for a customer's list whose response identifies the customer. */
function importedOfCustomer<Item>(
  key: 'invoices' | 'subscriptions',
  listOf: (world: World, holder: number) => List<Item>,
): Handler {
  const answer = ofCustomer(({ world, query }, holder) => pageOf(listOf(world, holder), query));
  return (call, uuid, second) => {
    const { imported } = call.world;
    if (imported.byId('customers', uuid) === undefined) return answer(call, uuid, second);
    const records = key === 'invoices' ? imported.invoicesOf(uuid).map(withoutCustomer) : [];
    return ok({ customer_uuid: uuid, [key]: records, ...noMore });
  };
}

function withoutCustomer(record: Rendered): Rendered {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== 'customer_uuid'));
}

/** Returns a handler for the item of a fixed list whose uuid is in the path. */
function ofItem<Item extends { readonly index: number }>(
  items: readonly Item[],
  kind: 'data_source' | 'plan' | 'plan_group',
  what: string,
  answer: (call: Call, item: Item) => Answer,
): Handler {
  return (call, uuid) => {
    const { random } = call.world;
    const item = items.find(({ index }) => uuidOf(random, kind, { member: index, ordinal: 0 }) === uuid);
    return item === undefined ? notFound(what) : answer(call, item);
  };
}

const expandedSource = ({ world, query }: Call, source: DataSource) =>
  renderDataSource(world, source, (parameter) => isTrue(query, parameter));

function listDataSources(call: Call): Answer {
  const isAsked = (name: string, value: string | null) => (call.query.get(name) ?? value) === value;
  const found = dataSources.filter(({ name, system }) => isAsked('name', name) && isAsked('system', system));
  return ok({ data_sources: found.map((source) => expandedSource(call, source)) });
}

function searchCustomers({ world, query }: Call): Answer {
  const email = query.get('email');
  if (email === null) throw badParameter('email', 'missing');
  const list = customerSearch(world, email);
  const isFound = !list.rows(undefined)[Symbol.iterator]().next().done;
  return isFound
    ? pageOf(list, query)
    : refusal(404, `Can't find any customers with email: ${JSON.stringify(email)}`, 'email');
}

function retrieveCustomer({ world, query }: Call, holder: number): Answer {
  const customer = renderCustomer(world, customerOf(world, holder), true);
  return ok({ ...customer, ...historyOf(world, holder, query) });
}

function retrieveAttributes({ world, query }: Call, holder: number): Answer {
  return ok({ ...attributesOf(world, holder), ...historyOf(world, holder, query) });
}

function contactsOfCustomer(world: World, holder: number, query: URLSearchParams): List<Key> {
  // A contact without a customer belongs to a member, but is not in the customer's list.
  const filters = new URLSearchParams([...query, ['customer_uuid', customerUuid(world, holder)]]);
  return createdList(world, filters, contacts);
}

const invoicesIn = ({ query }: Call) => invoices(invoiceSwitches(query));

/** Returns a route for every endpoint of the real API that the simulator serves. */
export function createRoutes(
  jobs: Jobs,
  imports: Imports,
  { activitiesCursor }: SimulatorOptions,
): readonly Route[] {
  const ofGroup = (answer: (call: Call, group: PlanGroup) => Answer) =>
    ofItem(planGroups, 'plan_group', 'Plan group', answer);
  return [
    ['GET', '/ping', () => ok({ data: 'pong!' })],
    ['GET', '/account', ({ world, query }) => ok(renderAccount(world, query.get('include')))],
    ['GET', '/data_sources', listDataSources],
    [
      'GET',
      '/data_sources/:uuid',
      ofItem(dataSources, 'data_source', 'Data source', (call, source) => ok(expandedSource(call, source))),
    ],
    ['POST', '/data_sources/:uuid/json_imports', (call, source) => imports.start(call, source)],
    [
      'GET',
      '/data_sources/:uuid/json_imports/:id',
      ({ world }, source, id) => imports.show(world, source, id),
    ],
    ['GET', '/customers', paged(({ world, query }) => customers(world, query))],
    ['GET', '/customers/search', searchCustomers],
    ['GET', '/customers/:uuid', orImported('customers', ofCustomer(retrieveCustomer))],
    [
      'GET',
      '/customers/:uuid/attributes',
      orImported('customers', ofCustomer(retrieveAttributes), ({ attributes }) => ok(attributes as Rendered)),
    ],
    ['GET', '/customers/:uuid/contacts', pagedOfCustomer(contactsOfCustomer)],
    ['GET', '/customers/:uuid/subscriptions', pagedOfCustomer(customerSubscriptions)],
    ['GET', '/customers/:uuid/activities', pagedOfCustomer(customerActivities)],
    ['GET', '/import/customers/:uuid/invoices', importedOfCustomer('invoices', importedInvoices)],
    [
      'GET',
      '/import/customers/:uuid/subscriptions',
      importedOfCustomer('subscriptions', importedSubscriptions),
    ],
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
    ['GET', '/plans', paged(({ world, query }) => planList(world, query))],
    [
      'GET',
      '/plans/:uuid',
      orImported(
        'plans',
        ofItem(plans, 'plan', 'Plan', ({ world }, plan) => ok(renderPlan(world, plan))),
      ),
    ],
    ['GET', '/plan_groups', paged(({ world }) => planGroupList(world))],
    ['GET', '/plan_groups/:uuid', ofGroup(({ world }, group) => ok(renderPlanGroup(world, group)))],
    [
      'GET',
      '/plan_groups/:uuid/plans',
      ofGroup(({ world, query }, group) => pageOf(planList(world, query, group.plans), query)),
    ],
    ['GET', '/invoices', paged(({ world, query }) => invoiceList(world, query, invoiceSwitches(query)))],
    [
      'GET',
      '/invoices/:uuid',
      orImported('invoices', (call, ...rest) => single(invoicesIn(call), 'Invoice')(call, ...rest)),
    ],
    ['GET', '/line_items', (call) => byExternalId(call, 'line_items')],
    ['GET', '/line_items/:uuid', (call, uuid) => byUuid(call, 'line_items', uuid)],
    ['GET', '/transactions', (call) => byExternalId(call, 'transactions')],
    ['GET', '/transactions/:uuid', (call, uuid) => byUuid(call, 'transactions', uuid)],
    ['GET', '/subscription_events', paged(({ world, query }) => subscriptionEvents(world, query))],
    ['GET', '/activities', paged(({ world, query }) => activities(world, query, activitiesCursor))],
    ['POST', '/activities_export', (call) => jobs.startExport(call)],
    ['GET', '/activities_export/:id', (call, id) => jobs.export(call, id)],
    ['GET', '/metrics/:name', answerMetrics],
  ];
}
