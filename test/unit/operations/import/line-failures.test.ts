import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../../core/json.ts';
import { failuresOf } from '../../../../operations/import/line-failures.ts';
import type { BatchLine } from '../../../../operations/import/import-folder.ts';

const lines: readonly BatchLine[] = [
  { line: 1, object: 'plan', id: 'p1', customer: undefined },
  { line: 2, object: 'customer', id: 'c1', customer: 'c1' },
  { line: 3, object: 'invoice', id: 'i1', customer: 'c1' },
  { line: 4, object: 'line_item', id: undefined, customer: 'c1' },
  { line: 5, object: 'subscription_event', id: 'e1', customer: 'c1' },
  { line: 6, object: 'customer', id: '__proto__', customer: '__proto__' },
];
const imported = { status: 'imported' };

const cases: readonly (readonly [
  what: string,
  status: string,
  details: JsonObject,
  expected: Record<number, string>,
])[] = [
  ['a completed import without details', 'completed', {}, {}],
  [
    'an import without failures',
    'completed',
    { plans: imported, c1: { ...imported, invoices: imported } },
    {},
  ],
  [
    'a customer that was not imported',
    'completed',
    { c1: { status: 'not_imported', errors: { email: ['is taken'] } } },
    { 2: 'email: is taken', 3: 'email: is taken', 4: 'email: is taken', 5: 'email: is taken' },
  ],
  [
    'invoices that were not imported',
    'completed',
    { c1: { ...imported, invoices: { status: 'failed', message: 'no currency' } } },
    { 3: 'no currency', 4: 'no currency' },
  ],
  [
    'one invoice that was not imported',
    'completed',
    { c1: { ...imported, invoices: { i1: { status: 'failed', error: 'late' } } } },
    { 3: 'late' },
  ],
  [
    'a status without a reason',
    'completed',
    { plans: { status: 'not_imported' } },
    { 1: 'ChartMogul reports not_imported' },
  ],
  ['a failed import', 'failed', { c1: imported }, { 1: 'the import failed', 6: 'the import failed' }],
];
for (const [what, status, details, expected] of cases) {
  test(`failuresOf returns the lines and reasons for ${what}`, () => {
    const failures = failuresOf(lines, { externalId: 'x', status, details });
    assert.deepEqual(Object.fromEntries(failures), expected);
  });
}

test('failuresOf returns each reason as a single line, whatever ChartMogul returns', () => {
  const errors = { base: [`a\u001b[2J\n${'x'.repeat(5000)}`, { deep: 'b' }, 'c', 'd'] };
  const [failure] = failuresOf(lines, {
    externalId: 'x',
    status: 'completed',
    details: { plans: { status: 'no', errors } },
  });
  assert.match(failure?.[1] ?? '', /^base: a \[2J x+…; deep: b; base: c$/);
});
