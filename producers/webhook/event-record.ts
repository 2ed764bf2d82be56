import { NotAnEventError } from '../../core/errors.ts';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { recordDigest } from '../encode/record-hash.ts';

/**
 * Returns the record of the event in a request: the event, its digest as the key, and its customer.
 * A retry by ChartMogul has the same digest, whatever the order of its members.
 *
 * @throws NotAnEventError, NestedTooDeeplyError
 */
export function eventRecord(body: Buffer): JsonObject {
  const event = jsonIn(body);
  if (!isJsonObject(event)) throw notAnEvent('its JSON is not an object');
  if (event['type'] !== 'mrr_movement') throw notAnEvent('its `type` is not mrr_movement');
  const { customer } = event;
  const customerUuid = isJsonObject(customer) ? customer['uuid'] : undefined;
  return {
    ...event,
    event_digest: recordDigest(event),
    ...(typeof customerUuid === 'string' && { customer_uuid: customerUuid }),
  };
}

function jsonIn(body: Buffer): JsonValue {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw notAnEvent('its body is not UTF-8');
  }
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    throw notAnEvent('its body is not JSON');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function notAnEvent(why: string): NotAnEventError {
  return new NotAnEventError(`the request is not a ChartMogul event: ${why}`);
}
