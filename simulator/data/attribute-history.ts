import { attributesOf } from './customer.ts';
import { day, seconds } from './instant.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';
import { people } from './words.ts';

/** Returns the overrides and the attribute history of a customer, if the query requests them. */
export function historyOf(world: World, holder: number, query: URLSearchParams): Rendered {
  const asked = query.get('attributes_with_history')?.split(',') ?? [];
  const custom = attributesOf(world, holder)['custom'] as Rendered;
  const histories = asked.flatMap((name): [string, Rendered[]][] => {
    const value = name.startsWith('custom.') ? custom[name.slice('custom.'.length)] : undefined;
    if (value === undefined) return [];
    return [[name, [entryOf(world, holder, null, true), entryOf(world, holder, value, false)]]];
  });
  return {
    ...(query.get('with_overrides') === 'true' && { overrides: {} }),
    ...(asked.length > 0 && { historical_values: Object.fromEntries(histories) }),
  };
}

function entryOf(world: World, holder: number, value: unknown, initial: boolean): Rendered {
  return {
    value,
    update_performed_at: seconds(world.signedUpAt(holder) + (initial ? 1 : 2) * day),
    update_performed_by: world.random.pick('history.by', people, holder),
    initial,
  };
}
