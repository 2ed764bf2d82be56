import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BatchPacker,
  packPlans,
  requestOf,
  type Batch,
  type CustomerEntries,
} from '../../../../operations/import/batch-packer.ts';
import { entryOf, entryText, parseEntry, type Entry } from '../../../../operations/import/entry.ts';
import { recordKinds } from '../../../../operations/import/record-kinds.ts';

const MAX_BYTES = 3_000;
const MAX_CUSTOMERS = 5;

/** Generates customers with invoices, items of various sizes and events, on interleaved lines. */
const files = fc
  .array(
    fc.record({
      hasRecord: fc.boolean(),
      invoices: fc.array(fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 6 }), { maxLength: 5 }),
      events: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 30 },
  )
  .map((customers) =>
    customers.map(({ hasRecord, invoices, events }, index): CustomerEntries => {
      const customer = `c${index}`;
      let line = index + 1;
      const entry = (
        object: Entry['object'],
        id: string,
        parent: string | undefined,
        size: number,
      ): Entry => {
        line += customers.length;
        const json = JSON.stringify({ external_id: id, name: 'x'.repeat(size) });
        return { line, object, id, parent, plan: undefined, json };
      };
      const entries = invoices.flatMap((items, at) => [
        entry('invoice', `${customer}i${at}`, customer, 50),
        ...items.map((size, item) =>
          entry(
            item % 2 === 0 ? 'line_item' : 'transaction',
            `${customer}i${at}r${item}`,
            `${customer}i${at}`,
            size,
          ),
        ),
      ]);
      for (let at = 0; at < events; at++)
        entries.push(entry('subscription_event', `${customer}e${at}`, customer, 40));
      if (hasRecord || entries.length === 0) entries.push(entry('customer', customer, undefined, 80));
      return { customer, entries };
    }),
  );

function pack(file: readonly CustomerEntries[]): Batch[] {
  const packer = new BatchPacker(MAX_BYTES, MAX_CUSTOMERS);
  return [...file.flatMap((customer) => packer.add(customer)), ...packer.end()];
}

test("each record is in one request within the limits, and a customer's records keep their order", () => {
  fc.assert(
    fc.property(files, (file) => {
      const batches = pack(file);
      const lines = batches.flatMap(({ entries }) => entries.map(({ line }) => line));
      const all = file.flatMap(({ entries }) => entries.map(({ line }) => line));
      assert.deepEqual(
        lines.toSorted((a, b) => a - b),
        all.toSorted((a, b) => a - b),
      );
      for (const { entries, customers } of batches) {
        assert.ok(Buffer.byteLength(requestOf('ds_1', entries).body) <= MAX_BYTES);
        assert.equal(new Set(entries.map(({ customer }) => customer)).size, customers);
        assert.ok(customers <= MAX_CUSTOMERS);
        const own = (name: string | undefined) => entries.filter(({ customer }) => customer === name);
        for (const { customer } of entries) {
          const order = own(customer).map(({ line }) => line);
          assert.deepEqual(
            order,
            order.toSorted((a, b) => a - b),
          );
        }
      }
    }),
  );
});

test('a customer is in one request, or is split over consecutive requests of its own', () => {
  fc.assert(
    fc.property(files, (file) => {
      const batches = pack(file);
      for (const { customer } of file) {
        const places = batches.flatMap(({ entries }, at) =>
          entries.some((entry) => entry.customer === customer) ? [at] : [],
        );
        const [first = 0] = places;
        assert.deepEqual(
          places,
          places.map((_, index) => first + index),
        );
        if (places.length > 1) for (const at of places) assert.equal(batches[at]?.customers, 1);
        assert.deepEqual(
          places.map((at) => batches[at]?.continues),
          places.map((_, index) => index > 0),
        );
      }
    }),
  );
});

test('no record is sent before its customer, and no item before its invoice', () => {
  fc.assert(
    fc.property(files, (file) => {
      const batches = pack(file);
      const placeOf = new Map(
        batches.flatMap(({ entries }, at) => entries.map(({ id }) => [id, at] as const)),
      );
      for (const { entries, customer } of file) {
        for (const { object, id, parent } of entries) {
          const place = placeOf.get(id) ?? -1;
          if (placeOf.has(customer)) assert.ok((placeOf.get(customer) ?? 0) <= place);
          if (object === 'line_item' || object === 'transaction')
            assert.ok((placeOf.get(parent) ?? 0) <= place);
        }
      }
    }),
  );
});

test('packPlans splits plans by size only', () => {
  const plans = Array.from({ length: 100 }, (_, index) =>
    entryOf(index + 1, { object: 'plan', fields: { external_id: `p${index}`, name: 'x'.repeat(200) } }),
  );
  const batches = packPlans(plans, MAX_BYTES);
  assert.deepEqual(
    batches.flatMap(({ entries }) => entries.map(({ line }) => line)),
    plans.map(({ line }) => line),
  );
  for (const { entries, customers } of batches) {
    assert.equal(customers, 0);
    assert.ok(Buffer.byteLength(requestOf('ds_1', entries).body) <= MAX_BYTES);
  }
  assert.deepEqual(packPlans([]), []);
});

test('a request has the arrays of the API and an external id derived from its content', () => {
  const entries = [
    entryOf(1, { object: 'plan', fields: { external_id: 'p' } }),
    entryOf(2, { object: 'customer', fields: { external_id: 'c', amount: 2 ** 53 - 1 } }),
  ];
  const { externalId, body } = requestOf('ds_1', entries);
  assert.deepEqual(JSON.parse(body), {
    external_id: externalId,
    customers: [{ external_id: 'c', amount: 9007199254740991 }],
    plans: [{ external_id: 'p' }],
  });
  assert.equal(requestOf('ds_1', entries).externalId, externalId);
  assert.notEqual(requestOf('ds_2', entries).externalId, externalId);
  assert.notEqual(requestOf('ds_1', entries.slice(1)).externalId, externalId);
  assert.match(externalId, /^chartmogul-clickhouse-[0-9a-f]{40}$/);
});

test('parseEntry reads what entryText writes, whatever the ids contain', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (id, name) => {
      const fields = { external_id: id, invoice_external_id: name, description: `${name}\t\n` };
      const entry = entryOf(3, { object: 'line_item', fields });
      assert.ok(!entryText(entry).includes('\n'));
      assert.deepEqual(parseEntry(entryText(entry)), entry);
    }),
  );
  assert.equal(recordKinds.line_item.array, 'line_items');
});
