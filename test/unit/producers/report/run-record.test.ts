import assert from 'node:assert/strict';
import test from 'node:test';
import avro from 'avsc';
import { MassDeleteError } from '../../../../core/errors.ts';
import { readStreamSchema } from '../../../../core/avro/schema-files.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';
import { runRecord } from '../../../../producers/report/run-record.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';

const RUN = '6f1c2a4e-6c3b-4c53-8f5e-0d8a9f4f7b11';
const finishedAt = new Date('2026-01-02T03:04:09.778Z');
const counted = (some: Partial<StreamCounts>): StreamCounts =>
  Object.assign(new StreamCounts('customers', 'chartmogul.customers'), {
    ...some,
  });
const schema = readStreamSchema('runs');

const full = counted({
  pages: 1,
  requests: 100,
  retries: 2,
  rateLimited: 3,
  records: 4,
  new: 5,
  changed: 6,
  unchanged: 7,
  deleted: 8,
  deadLettered: 9,
  discarded: 10,
  denied: 12,
  messages: 11,
  bytes: 2 ** 40,
  isResumed: true,
  newFields: [{ field: 'line_items.vat', type: 'long' }],
  state: 'failed',
  startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  seconds: 4.1,
  failure: new MassDeleteError('the registry refused'),
});

test('the record of a run is encoded completely and without drift', () => {
  const encoded = new RecordEncoder(schema).encode(runRecord(RUN, full));
  assert.ok(encoded.drifts === undefined);
  assert.equal(encoded.key, `${RUN}|customers`);
  const bytes = Buffer.from(encoded.avro.view());
  const row = avro.Type.forSchema(JSON.parse(JSON.stringify(schema)) as avro.Schema).fromBuffer(
    bytes,
  ) as object;
  assert.deepEqual(
    { ...row },
    {
      run: RUN,
      stream: 'customers',
      started_at: full.startedAtMs,
      finished_at: finishedAt.getTime(),
      outcome: 'failed',
      failure: 'the registry refused',
      failure_code: 'ETL_MASS_DELETE',
      absence: null,
      is_resumed: true,
      seconds: 4.1,
      requests_per_second: 24.4,
      pages: 1,
      requests: 100,
      retries: 2,
      rate_limited: 3,
      records: 4,
      new: 5,
      changed: 6,
      unchanged: 7,
      deleted: 8,
      dead_lettered: 9,
      discarded: 10,
      denied: 12,
      messages: 11,
      bytes: 2 ** 40,
      new_fields: ['line_items.vat (long)'],
    },
  );
});

test('the record has exactly the fields of the schema, in their order', () => {
  assert.deepEqual(
    Object.keys(runRecord(RUN, counted({}))),
    schema.fields.map(({ name }) => name),
  );
});

test('a stream that never began has no start time, a rate of 0 and no failure', () => {
  const record = runRecord(RUN, counted({}));
  assert.deepEqual(
    {
      started_at: record['started_at'],
      requests_per_second: record['requests_per_second'],
      failure: record['failure'],
      new_fields: record['new_fields'],
    },
    { started_at: null, requests_per_second: 0, failure: null, new_fields: [] },
  );
  assert.equal(new RecordEncoder(schema).encode(record).drifts, undefined);
});

const failure = new Error('refused');
const outcomes: [Partial<StreamCounts>, string][] = [
  [{ state: 'done' }, 'done'],
  [{ state: 'done', deadLettered: 1 }, 'done'],
  [{ state: 'failed', failure }, 'failed'],
  [{ state: 'reading', failure }, 'failed'],
  [{ state: 'stopped' }, 'stopped'],
  [{ state: 'stopped', failure }, 'stopped'],
  [{ state: 'waiting' }, 'stopped'],
  [{ state: 'done', isAbsent: true }, 'absent'],
];
for (const [some, outcome] of outcomes) {
  const [, detail] = Object.keys(some);
  test(`the state ${some.state}${detail === undefined ? '' : ` with ${detail}`} is recorded as the outcome ${outcome}`, () => {
    assert.equal(runRecord(RUN, counted(some))['outcome'], outcome);
  });
}
