import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergePages } from '../../../../producers/chartmogul/merge-pages.ts';
import type { Page, SourceList } from '../../../../producers/chartmogul/source-list.ts';

/** The state of a read in progress. */
class Reading {
  readonly begun = new Set<string>();
  readonly ended = new Set<string>();
  readonly asked = new Map<string, number>();
  readonly failed: string[] = [];
  readonly received: Page[] = [];
  receivedAtFailure = 0;

  get open(): number {
    return this.begun.size - this.ended.size;
  }

  receivedOf(id: string): number {
    return this.received.filter(({ list }) => list.id === id).length;
  }
}

interface ListPlan {
  readonly pages: number;
  /** The page that fails, if any. */
  readonly failsAt: number | undefined;
}

const listPlans = (failsAt: fc.Arbitrary<number | undefined>) =>
  fc.array(fc.record({ pages: fc.nat({ max: 4 }), failsAt }), { maxLength: 6 });
const sideBySides = fc.integer({ min: 1, max: 4 });

/** Merges the lists. The scheduler decides when waits end, including those of the consumer. */
async function merge(
  scheduler: fc.Scheduler,
  plans: readonly ListPlan[],
  sideBySide: number,
  enough = Infinity,
): Promise<{ reading: Reading; error: unknown }> {
  const reading = new Reading();
  function* lists(): Generator<SourceList> {
    for (const index of plans.keys()) {
      assert.ok(reading.open < sideBySide, 'a list begins although too many are open');
      yield { id: String(index), path: '/x', query: {}, listKey: 'x', paging: 'detect' };
    }
  }
  const read = async function* (list: SourceList): AsyncGenerator<Page, void, undefined> {
    const { pages = 0, failsAt } = plans[Number(list.id)] ?? {};
    reading.begun.add(list.id);
    try {
      for (let number = 1; number <= pages; number++) {
        reading.asked.set(list.id, number);
        await scheduler.schedule(Promise.resolve());
        if (number === failsAt) {
          if (reading.failed.length === 0) reading.receivedAtFailure = reading.received.length;
          reading.failed.push(list.id);
          throw new Error(list.id);
        }
        yield { kind: 'page', list, number, entries: [], next: undefined };
      }
    } finally {
      reading.ended.add(list.id);
    }
  };
  const consume = async () => {
    for await (const page of mergePages(lists(), sideBySide, read)) {
      if (page.kind === 'page') reading.received.push(page);
      await scheduler.schedule(Promise.resolve());
      assert.ok(reading.open <= sideBySide);
      for (const [id, asked] of reading.asked) assert.ok(asked <= reading.receivedOf(id) + 1);
      if (reading.received.length >= enough) break;
    }
  };
  const error = await scheduler.waitFor(
    consume().then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  if (error instanceof assert.AssertionError) throw error;
  return { reading, error };
}

test('mergePages yields each list in order and reads a limited number of lists at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      listPlans(fc.constant(undefined)),
      sideBySides,
      async (s, plans, side) => {
        const { reading, error } = await merge(s, plans, side);
        assert.equal(error, undefined);
        for (const [index, { pages }] of plans.entries()) {
          const numbers = reading.received
            .filter(({ list }) => list.id === String(index))
            .map(({ number }) => number);
          assert.deepEqual(
            numbers,
            Array.from({ length: pages }, (_, page) => page + 1),
          );
        }
        assert.equal(reading.begun.size, plans.length);
        assert.deepEqual(reading.ended, reading.begun);
      },
    ),
  );
});

test('mergePages ends all lists before it throws the error of a list', async () => {
  let failures = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      listPlans(fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })),
      sideBySides,
      async (s, plans, side) => {
        const { reading, error } = await merge(s, plans, side);
        assert.deepEqual(reading.ended, reading.begun);
        if (error === undefined) {
          assert.deepEqual(reading.failed, []);
          return;
        }
        failures++;
        assert.ok(error instanceof Error && reading.failed.includes(error.message));
        assert.ok(reading.received.length - reading.receivedAtFailure <= side);
      },
    ),
  );
  assert.ok(failures > 20, `${failures} failures`);
});

test('mergePages ends every open list when the caller stops', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      listPlans(fc.constant(undefined)),
      sideBySides,
      fc.integer({ min: 1, max: 5 }),
      async (s, plans, side, enough) => {
        const { reading } = await merge(s, plans, side, enough);
        const all = plans.reduce((sum, { pages }) => sum + pages, 0);
        assert.equal(reading.received.length, Math.min(all, enough));
        assert.deepEqual(reading.ended, reading.begun);
      },
    ),
  );
});

const listsNamed = (...ids: string[]) =>
  ids.map((id): SourceList => ({ id, path: '/x', query: {}, listKey: 'x', paging: 'detect' }));
const pageOf = (list: SourceList, number: number): Promise<Page> =>
  Promise.resolve({ kind: 'page', list, number, entries: [], next: undefined });

test('mergePages alternates between lists that have a page ready', async () => {
  const order: string[] = [];
  const read = async function* (list: SourceList) {
    for (let number = 1; number <= 3; number++) yield await pageOf(list, number);
  };
  for await (const event of mergePages(listsNamed('a', 'b', 'c'), 3, read)) {
    assert.ok(event.kind === 'page');
    order.push(event.list.id);
    await new Promise(setImmediate);
  }
  assert.equal(order.join(''), 'abcabcabc');
});

test('mergePages prefetches the next page and reports its failure when it is requested', async () => {
  let fetched = 0;
  const read = async function* (list: SourceList) {
    for (;;) {
      if (++fetched === 2) throw new Error('torn');
      yield await pageOf(list, fetched);
    }
  };
  const pages = mergePages(listsNamed('a'), 1, read);
  await pages.next();
  // Long enough for the runtime to report an unhandled rejection.
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  assert.equal(fetched, 2);
  await assert.rejects(pages.next(), { message: 'torn' });
});

test('mergePages throws an error that the generator of lists throws', async () => {
  function* lists(): Generator<SourceList> {
    throw new RangeError('no parents');
  }
  const pages = mergePages(lists(), 2, async function* () {});
  await assert.rejects(pages.next(), RangeError);
});
