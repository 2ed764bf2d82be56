import { day, milliseconds } from './instant.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export interface DataSource {
  readonly index: number;
  readonly name: string;
  readonly system: string | null;
  /** Share of members that come from this source. */
  readonly weight: number;
  /** Whether the source imports automatically. Only the rows of such sources can be disabled. */
  readonly automatic: boolean;
}

export const dataSources: readonly DataSource[] = [
  { name: 'Stripe', system: 'Stripe', weight: 0.6, automatic: true },
  { name: 'Billing API', system: 'Import API', weight: 0.3, automatic: false },
  { name: 'Spreadsheet of the "early days"', system: 'Google Sheets', weight: 0.1, automatic: false },
  { name: 'Empty drawer', system: null, weight: 0, automatic: false },
].map((source, index) => ({ ...source, index }));

const fallback = dataSources[0] as DataSource;

/**
 * Returns the source of a member. The halves of a customer that was merged from the beginning come
 * from different sources.
 */
export function dataSourceOf(world: World, member: number): DataSource {
  const own = drawnSource(world, member);
  if (!world.isMergedAtFirst(member)) return own;
  const other = drawnSource(world, member - 1);
  return dataSources.find((source) => source.weight > 0 && source.index !== other.index) ?? own;
}

function drawnSource(world: World, member: number): DataSource {
  let rest = world.random.share('data_source', member);
  for (const source of dataSources) {
    rest -= source.weight;
    if (rest < 0) return source;
  }
  return fallback;
}

export function dataSourceUuid(world: World, source: DataSource): string {
  return uuidOf(world.random, 'data_source', { member: source.index, ordinal: 0 });
}

const handling = {
  create_subscription_when_invoice_is: 'open',
  update_subscription_when_invoice_is: 'open',
  prevent_subscription_for_invoice_voided: true,
  prevent_subscription_for_invoice_refunded: false,
  prevent_subscription_for_invoice_written_off: true,
};

/** @param hasAsked returns whether the query requests the optional field of this parameter. */
export function renderDataSource(
  world: World,
  source: DataSource,
  hasAsked: (parameter: string) => boolean = () => false,
): Rendered {
  const isUsed = source.weight > 0;
  return {
    uuid: dataSourceUuid(world, source),
    name: source.name,
    system: source.system,
    created_at: milliseconds(world.opened + source.index * day + 26_858),
    status: isUsed ? 'idle' : 'never_imported',
    ...(hasAsked('with_processing_status') && {
      processing_status: isUsed
        ? { processed: Math.floor(world.members() * source.weight), pending: 0, failed: 0 }
        : { processed: null, pending: null, failed: null },
    }),
    ...(hasAsked('with_auto_churn_subscription_setting') && {
      auto_churn_subscription_setting: source.automatic
        ? { enabled: true, interval: 30 }
        : { enabled: false, interval: null },
    }),
    ...(hasAsked('with_invoice_handling_setting') && {
      invoice_handling_setting: { manual: handling, automatic: handling },
    }),
  };
}
