import type { Activity } from './activity.ts';
import { renderActivity } from './activity.ts';
import { customerOf, renderCustomer } from './customer.ts';
import { milliseconds } from './instant.ts';
import type { Rendered } from './rendered.ts';
import { subscriptionExternalId } from './subscription.ts';
import type { World } from './world.ts';

/** Returns the event that ChartMogul sends to webhooks when the activity happens. */
export function renderEvent(world: World, activity: Activity): Rendered {
  const { holder, at, mrr, movement, type } = activity;
  const customer = renderCustomer(world, customerOf(world, holder));
  const { currency, currencySign } = world;
  return {
    date: milliseconds(at),
    type: 'mrr_movement',
    customer: {
      name: customer['name'],
      uuid: customer['uuid'],
      email: customer['email'],
      status: customer['status'],
      company: customer['company'],
      currency,
      current_arr: mrr * 12,
      current_mrr: mrr,
      external_id: customer['external_id'],
      external_ids: customer['external_ids'],
      currency_symbol: currencySign,
      data_source_uuid: customer['data_source_uuid'],
    },
    description: renderActivity(world, activity)['description'],
    subscription: { external_id: subscriptionExternalId(activity.subscription) },
    movement_type: type,
    account_currency: currency,
    invoice_currency: currency,
    account_currency_symbol: currencySign,
    invoice_currency_symbol: currencySign,
    movement_amount_in_cent: movement,
    mrr_movement_in_account_currency: movement,
    mrr_movement_in_invoice_currency: movement,
  };
}
