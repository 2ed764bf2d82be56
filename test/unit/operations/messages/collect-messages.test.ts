import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import type { FetchedRange } from '../../../../core/kafka/partition-reader.ts';
import type { OffsetSpan } from '../../../../core/kafka/read-spans.ts';
import {
  collectNewest,
  collectOldest,
  type CollectOptions,
} from '../../../../operations/messages/collect-messages.ts';
import { ScanBudget } from '../../../../operations/messages/scan-budget.ts';

/** The messages of a partition in offset order, with undefined for each gap. */
type Log = readonly (KafkaMessage | undefined)[];

function messageAt(offset: number, key: string, value: string, timeMs: number): KafkaMessage {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    offset: String(offset),
    timestamp: String(timeMs),
    attributes: 0,
    headers: {},
  };
}

/** Returns a reader that fetches at most three offsets at a time, as a broker returns batches. */
function readerOf(logs: readonly Log[]) {
  return {
    fetch: (_: string, partition: number, from: bigint): Promise<FetchedRange> => {
      const log = logs[partition] ?? [];
      const start = Number(from);
      const next = Math.max(start, Math.min(start + 3, log.length));
      const messages = log.slice(start, next).flatMap((message) => message ?? []);
      const stableEnd = BigInt(log.length);
      return Promise.resolve({ messages, next: BigInt(next), stableEnd, gapAt: () => 'compacted' });
    },
  };
}

async function readAll(
  collect: typeof collectNewest,
  logs: readonly Log[],
  options: Partial<CollectOptions> & { limits?: { messages: number; bytes: number; ms: number } },
): Promise<{ pages: KafkaMessage[][]; places: string[] }> {
  let spans: ReadonlyMap<number, OffsetSpan> = new Map(
    logs.flatMap((log, partition) =>
      log.length === 0 ? [] : [[partition, { from: 0n, to: BigInt(log.length) }] as const],
    ),
  );
  const pages: KafkaMessage[][] = [];
  const places: string[] = [];
  for (let call = 0; spans.size > 0; call++) {
    assert.ok(call < 500, 'the cursor does not advance');
    const { messages, rest } = await collect({
      reader: readerOf(logs),
      topic: 'topic',
      spans,
      limit: 5,
      maxBytes: 1_000_000,
      budget: new ScanBudget(options.limits),
      ...options,
    });
    pages.push(messages.map(({ message }) => message));
    places.push(...messages.map(({ partition, offset }) => `${partition}/${offset}`));
    spans = new Map(
      [...rest].map(([partition, offset]) => [
        partition,
        collect === collectNewest
          ? { from: 0n, to: offset }
          : { from: offset, to: BigInt(logs[partition]?.length ?? 0) },
      ]),
    );
  }
  return { pages, places };
}

const logsOf = fc.array(
  fc.array(
    fc.option(fc.record({ key: fc.constantFrom('a', 'b'), bytes: fc.integer({ min: 0, max: 40 }) }), {
      nil: undefined,
    }),
    { maxLength: 40 },
  ),
  { maxLength: 4 },
);
const limitsOf = fc.record({
  messages: fc.integer({ min: 1, max: 30 }),
  bytes: fc.integer({ min: 1, max: 300 }),
  ms: fc.constant(60_000),
});

for (const collect of [collectNewest, collectOldest]) {
  test(`${collect.name} returns every message once, over any number of pages`, async () => {
    await fc.assert(
      fc.asyncProperty(
        logsOf,
        limitsOf,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        async (shapes, limits, limit, maxBytes, isSearch) => {
          const logs = shapes.map((shape, partition) =>
            shape.map(
              (entry, offset) =>
                entry && messageAt(offset, entry.key, 'x'.repeat(entry.bytes), offset * 10 + partition),
            ),
          );
          const matches = (message: KafkaMessage) => message.key?.toString() === 'a';
          const { places, pages } = await readAll(collect, logs, {
            limit,
            maxBytes,
            limits,
            ...(isSearch && { matches }),
          });
          const expected = logs.flatMap((log, partition) =>
            log.flatMap((message) =>
              message === undefined || (isSearch && !matches(message))
                ? []
                : [`${partition}/${message.offset}`],
            ),
          );
          assert.deepEqual([...places].sort(), expected.sort());
          assert.ok(pages.every((page) => page.length <= limit));
          for (const page of pages) {
            const bytes = page.reduce((sum, { value }) => sum + (value?.length ?? 0) + 1, 0);
            assert.ok(page.length <= 1 || bytes <= maxBytes);
          }
        },
      ),
    );
  });
}

test('collectNewest returns the messages of all partitions with the newest first', async () => {
  const logs = [0, 1].map((partition) =>
    Array.from({ length: 10 }, (_, offset) => messageAt(offset, 'k', 'v', offset * 10 + partition)),
  );
  const { places } = await readAll(collectNewest, logs, { limit: 3 });
  assert.deepEqual(places.slice(0, 6), ['1/9', '0/9', '1/8', '0/8', '1/7', '0/7']);
});

test('collectOldest returns the messages of all partitions with the oldest first', async () => {
  const logs = [0, 1].map((partition) =>
    Array.from({ length: 10 }, (_, offset) => messageAt(offset, 'k', 'v', offset * 10 + partition)),
  );
  const { places } = await readAll(collectOldest, logs, { limit: 3 });
  assert.deepEqual(places.slice(0, 6), ['0/0', '1/0', '0/1', '1/1', '0/2', '1/2']);
});

test('collectNewest copies a message so that the fetched buffer can be freed', async () => {
  const fetched = Buffer.alloc(1_000, 'v');
  const message = { ...messageAt(0, 'k', '', 0), value: fetched.subarray(0, 3) };
  const { pages } = await readAll(collectNewest, [[message]], {});
  assert.equal(pages[0]?.[0]?.value?.toString(), 'vvv');
  const [[first] = []] = pages;
  assert.notEqual(first.value?.buffer, fetched.buffer);
});

test('collectNewest returns messages that together exceed its window, with the newest first', async () => {
  const value = Buffer.alloc(2 * 1024 * 1024);
  const log = Array.from({ length: 40 }, (_, offset) => ({ ...messageAt(offset, 'k', '', offset), value }));
  const { places } = await readAll(collectNewest, [log], { limit: 20, maxBytes: 5 * 1024 * 1024 });
  assert.deepEqual(
    places,
    log.map((_, index) => `0/${log.length - 1 - index}`),
  );
});
