import { jsonText } from '../../core/json.ts';
import { objectNames, recordKinds, textOf, type ImportRecord, type ObjectName } from './record-kinds.ts';

/** A checked record of the file, with the data that is needed to place it in a request. */
export interface Entry {
  readonly line: number;
  readonly object: ObjectName;
  readonly id: string | undefined;
  /** The external id of the record's customer or invoice, depending on its kind. */
  readonly parent: string | undefined;
  readonly plan: string | undefined;
  /** The record as it is sent. */
  readonly json: string;
}

export function entryOf(line: number, { object, fields }: ImportRecord): Entry {
  const { parent } = recordKinds[object];
  return {
    line,
    object,
    id: textOf(fields, 'external_id'),
    parent: parent && textOf(fields, parent.field),
    plan: object === 'plan' ? undefined : textOf(fields, 'plan_external_id'),
    json: jsonText(fields),
  };
}

/** Returns one line, without its line break. */
export function entryText({ line, object, id, parent, plan, json }: Entry): string {
  // JSON escapes tabs, so the first tab ends the head.
  const head = [line, objectNames.indexOf(object), id ?? null, parent ?? null, plan ?? null];
  return `${JSON.stringify(head)}\t${json}`;
}

type Head = [line: number, object: number, id: string | null, parent: string | null, plan: string | null];

export function parseEntry(text: string): Entry {
  const tab = text.indexOf('\t');
  const [line, object, id, parent, plan] = JSON.parse(text.slice(0, tab)) as Head;
  return {
    line,
    object: objectNames[object] ?? 'customer',
    id: id ?? undefined,
    parent: parent ?? undefined,
    plan: plan ?? undefined,
    json: text.slice(tab + 1),
  };
}
