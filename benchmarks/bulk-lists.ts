import { LocalServiceError } from '../core/errors.ts';

/** A list endpoint that can be read in full. */
export interface BulkList {
  readonly stream: string;
  readonly listKey: string;
  readonly key: string;
  /**
   * Query parameters that make ChartMogul return all rows, in the order in which `produce` sends
   * the parameters.
   */
  readonly query?: Readonly<Record<string, string>>;
}

/** Ten lists that can be read without a request per customer. */
export const bulkLists: readonly BulkList[] = [
  { stream: 'customers', listKey: 'entries', key: 'uuid' },
  {
    stream: 'invoices',
    listKey: 'invoices',
    key: 'uuid',
    query: { validation_type: 'all', with_disabled: 'true' },
  },
  {
    stream: 'subscription_events',
    listKey: 'subscription_events',
    key: 'id',
    query: { with_disabled: 'true' },
  },
  { stream: 'contacts', listKey: 'entries', key: 'uuid' },
  { stream: 'customer_notes', listKey: 'entries', key: 'uuid' },
  { stream: 'opportunities', listKey: 'entries', key: 'uuid' },
  { stream: 'tasks', listKey: 'entries', key: 'task_uuid' },
  { stream: 'plans', listKey: 'plans', key: 'uuid' },
  { stream: 'plan_groups', listKey: 'plan_groups', key: 'uuid' },
  { stream: 'data_sources', listKey: 'data_sources', key: 'uuid' },
];

/**
 * Reads every list once, so that the simulator keeps its pages in memory.
 * @returns the number of distinct keys in each stream. Every contender must store all of them.
 */
export async function readLists(baseUrl: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const found = bulkLists.map(async (list) => [list.stream, await keysOf(baseUrl, list, signal)] as const);
  return new Map(await Promise.all(found));
}

async function keysOf(
  baseUrl: string,
  { stream, listKey, key, query }: BulkList,
  signal: AbortSignal,
): Promise<number> {
  const headers = { authorization: `Basic ${Buffer.from('bench:').toString('base64')}` };
  const keys = new Set<unknown>();
  for (let cursor: string | undefined; ;) {
    const parameters = new URLSearchParams({
      ...query,
      per_page: '200',
      ...(cursor !== undefined && { cursor }),
    });
    const answer = await fetch(`${baseUrl}/${stream}?${parameters.toString()}`, { headers, signal });
    const page = (await answer.json()) as Readonly<Record<string, unknown>>;
    const rows = page[listKey];
    if (!Array.isArray(rows))
      throw new LocalServiceError(`the simulator returned ${answer.status} for /${stream}`);
    for (const row of rows as readonly Record<string, unknown>[]) keys.add(row[key]);
    if (page['has_more'] !== true) return keys.size;
    cursor = page['cursor'] as string;
  }
}
