import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { parseInstant } from '../../../producers/encode/instant.ts';
import { instant } from '../field-rules.ts';
import { recordKinds, type ObjectName } from '../record-kinds.ts';

/** Fields that the API does not return, returns in another form, or does not return in all views. */
const uncompared = new Set([
  'customer_external_id',
  'invoice_external_id',
  'state',
  'owner',
  'retracted_event_id',
]);

/** Fields that only newer answers have. */
const optional = new Set([
  'plan_external_id',
  'website_url',
  'collection_method',
  'event_order',
  'balance_transfer',
]);

/** Returns the fields of a record whose values the API does not show. */
export function differingFields(object: ObjectName, sent: JsonObject, found: JsonObject): string[] {
  return Object.entries(sent).flatMap(([name, value]) => {
    if (uncompared.has(name) || (optional.has(name) && found[name] === undefined)) return [];
    return isShown(object, name, value, found[name]) ? [] : [name];
  });
}

function isShown(object: ObjectName, name: string, sent: JsonValue, found: JsonValue | undefined): boolean {
  if (name === 'attributes') return areAttributesShown(sent, found);
  if (recordKinds[object].fields[name] === instant && typeof sent === 'string' && typeof found === 'string')
    return parseInstant(sent) === parseInstant(found);
  return isDeepStrictEqual(sent, found);
}

/** Sent as lists of tags and of keys with values; shown as a list and an object. */
function areAttributesShown(sent: JsonValue, found: JsonValue | undefined): boolean {
  if (!isJsonObject(sent) || !isJsonObject(found)) return false;
  const { tags, custom } = found;
  const sentTags = Array.isArray(sent['tags']) ? sent['tags'] : [];
  const sentCustom = Array.isArray(sent['custom']) ? sent['custom'] : [];
  return (
    sentTags.every((tag) => Array.isArray(tags) && tags.includes(tag)) &&
    sentCustom.every((item) => {
      if (!isJsonObject(item) || typeof item['key'] !== 'string' || !isJsonObject(custom)) return false;
      return isDeepStrictEqual(custom[item['key']], item['value']);
    })
  );
}
