import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { parseInstant } from '../../../producers/encode/instant.ts';
import { instant } from '../field-rules.ts';
import { recordKinds, type ObjectName } from '../record-kinds.ts';

/** Fields that the API does not return, or returns only in some views or in another form. */
const uncompared = new Set([
  'customer_external_id',
  'invoice_external_id',
  'state',
  'owner',
  'retracted_event_id',
]);

/** Fields that responses of the API may lack. */
const optional = new Set([
  'plan_external_id',
  'website_url',
  'collection_method',
  'event_order',
  'balance_transfer',
]);

/** Returns the fields of a sent record whose values differ in the record that the API returned. */
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

/**
 * Compares attributes. They are sent as lists of tags and key-value pairs. The API returns a list
 * of tags and an object.
 */
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
