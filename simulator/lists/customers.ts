import { badParameter } from '../answer.ts';
import {
  customerId,
  customerOf,
  customersInOrder,
  holderById,
  membersByExternalId,
  renderCustomer,
  type Customer,
} from '../data/customer.ts';
import { emailOf } from '../data/name.ts';
import { nanoseconds } from '../data/instant.ts';
import { holderOf } from '../data/merge.ts';
import type { World } from '../data/world.ts';
import { accepting, includes, type Filters } from '../filters.ts';
import type { Rendered } from '../data/rendered.ts';
import { idInCursor, toCursor, type List } from '../paging.ts';
import { withImported, type ImportedRow } from './with-imported.ts';

const filters: Filters = {
  data_source_uuid: includes('data_source_uuids'),
  external_id: includes('external_ids'),
  status: (record, value) => record['status'] === value.replaceAll('_', ' '),
  system: (record, value) => record['billing-system-type'] === value,
};

export function customers(world: World, query: URLSearchParams): List<Customer | ImportedRow> {
  const externalId = query.get('external_id');
  // The query contains underscores where the responses contain spaces.
  const status = query.get('status')?.replaceAll('_', ' ');
  const inOrder = (after: number | undefined) =>
    externalId === null ? customersInOrder(world, after, status) : customersWith(world, externalId, after);
  const generated: List<Customer> = {
    key: 'entries',
    legacy: 'customers',
    rows: (cursor) => inOrder(cursor === undefined ? undefined : holderIn(cursor)),
    render: (customer) => renderCustomer(world, customer),
    accepts: accepting(query, filters),
    cursorOf: ({ holder, since }) =>
      toCursor(since === undefined ? '' : nanoseconds(since), customerId(holder)),
  };
  return withImported(generated, importedCustomers(world, externalId, query.get('data_source_uuid')), 'last');
}

/**
 * Returns the imported customers that may match. Looks up an external id if the source is given,
 * because a scan of all imported customers would be slow.
 */
function importedCustomers(
  { imported }: World,
  externalId: string | null,
  source: string | null,
): readonly Rendered[] {
  if (externalId === null || source === null) return imported.all('customers');
  const found = imported.find('customers', source, externalId);
  return found === undefined ? [] : [found];
}

export function customerSearch(world: World, email: string): List<Customer | ImportedRow> {
  const match = /@[a-z]+(\d{1,9})\.example$/.exec(email);
  const first = match === null ? world.members() : Number(match[1]);
  // Only the member whose number is in the address and the next four may have that address.
  const holders = [0, 1, 2, 3, 4].map((offset) => first + offset);
  return {
    ...customers(world, new URLSearchParams()),
    legacy: 'search',
    rows: (cursor) =>
      holders
        .filter((holder) => holderOf(world, holder) === holder && emailOf(world, holder) === email)
        .filter((holder) => cursor === undefined || holder > holderIn(cursor))
        .map((holder) => customerOf(world, holder)),
  };
}

function customersWith(world: World, externalId: string, after: number | undefined): Customer[] {
  const holders = membersByExternalId(world, externalId)
    .map((member) => holderOf(world, member))
    .filter((holder) => holder !== undefined);
  return [...new Set(holders)]
    .filter((holder) => after === undefined || holder > after)
    .map((holder) => customerOf(world, holder));
}

function holderIn(cursor: string): number {
  const holder = holderById(Number(idInCursor(cursor)));
  if (!Number.isInteger(holder) || holder < 0) throw badParameter('cursor', 'invalid');
  return holder;
}
