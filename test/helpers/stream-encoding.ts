import assert from 'node:assert/strict';
import type { JsonValue } from '../../core/json.ts';
import { ownMessageLimit } from '../../core/kafka/message-limits.ts';
import { ChildTable } from '../../producers/state/child-table.ts';
import { KeyTable } from '../../producers/state/key-table.ts';
import { ListEntry } from '../../producers/chartmogul/list-entry.ts';
import { sourceList, type Page, type SourceList } from '../../producers/chartmogul/source-list.ts';
import { streams, type StreamSpec } from '../../producers/chartmogul/streams.ts';
import { StreamCounts } from '../../producers/report/stream-counts.ts';
import { StreamEncoder, type StreamEncoderOptions } from '../../producers/run/stream-encoder.ts';
import type { EncodedPage } from '../../producers/publish/transaction-writable.ts';
import { FakeRegistry } from './fake-registry.ts';

export function specOf(name: string): StreamSpec {
  const spec = streams.find((candidate) => candidate.name === name);
  assert.ok(spec !== undefined);
  return spec;
}

export const plans = specOf('plans');
export const custom: StreamSpec = {
  name: 'credit_notes',
  paths: ['/credit_notes'],
  listKey: 'entries',
  paging: 'detect',
  deletes: { proof: 'twice' },
  primaryKey: ['id'],
};

/** Creates the state that outlives a run. */
export const createState = () => ({
  registry: new FakeRegistry(),
  keys: new KeyTable(),
  children: new ChildTable(),
  deadLetters: new KeyTable(),
  discarded: new KeyTable(),
  messageLimit: ownMessageLimit,
});

export type Pages = readonly (readonly JsonValue[])[];

/** Returns values as entries of a list. */
export function entriesOf(values: readonly JsonValue[]): ListEntry[] {
  return values.map((value) => new ListEntry(value));
}

/** Returns the pages of one list with these records. */
export function pagesOf(spec: StreamSpec, pages: Pages, list: Partial<SourceList> = {}): Page[] {
  const whole = { ...sourceList(spec, spec.paths[0]), ...list };
  return pages.map((records, at) => ({
    kind: 'page',
    list: whole,
    number: at + 1,
    entries: entriesOf(records),
    next: undefined,
  }));
}

export async function* sourceOf(pages: readonly Page[], onAsked: () => void = () => {}) {
  for (const page of pages) {
    onAsked();
    yield await Promise.resolve(page);
  }
}

/** Encodes the pages in one run, and returns its result. */
export async function encode(
  state: ReturnType<typeof createState>,
  pages: Pages,
  options: Partial<StreamEncoderOptions> & { readonly list?: Partial<SourceList> } = {},
) {
  const spec = options.spec ?? plans;
  const counts = new StreamCounts(spec.name, `test.${spec.name}`);
  state.keys.unseeAll();
  const encoder = new StreamEncoder({
    ...state,
    topicPrefix: 'test.',
    spec,
    mode: 'evolve',
    isFull: false,
    counts,
    ...options,
  });
  await encoder.begin();
  const encoded: EncodedPage[] = [];
  for await (const event of encoder.encode(sourceOf(pagesOf(spec, pages, options.list))))
    if (event.kind === 'page') encoded.push(event);
  assert.deepEqual(
    encoded.map(({ number }) => number),
    pages.map((_, at) => at + 1),
  );
  const messages = encoded.flatMap((page) => page.messages);
  const deadLetters = encoded.flatMap((page) => page.deadLetters);
  const values = messages.map(({ value }) => state.registry.read(value));
  return { counts, messages, deadLetters, values, keys: messages.map(({ key }) => key) };
}
