import { timeZone } from './instant.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

/** Fields that `include=` adds to the account. */
const extras: Readonly<Record<string, unknown>> = {
  churn_recognition: 'immediate',
  churn_when_zero_mrr: false,
  auto_churn_subscription: { enabled: true, interval: 30 },
  refund_handling: 'ignore',
  proximate_movement_reclassification: 'enabled',
};

export function renderAccount(world: World, include: string | null): Rendered {
  const included = include?.split(',') ?? [];
  return {
    id: uuidOf(world.random, 'account', { member: 0, ordinal: 0 }),
    name: 'Acme "Simulated" Ltd. 🧪',
    currency: world.currency,
    time_zone: timeZone,
    week_start_on: 'monday',
    ...Object.fromEntries(Object.entries(extras).filter(([name]) => included.includes(name))),
  };
}
