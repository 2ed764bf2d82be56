import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { ServiceUnavailableError } from '../../../../core/errors.ts';
import type { Form } from '../../../../operations/export/column-sql.ts';
import { Measure } from '../../../../operations/export/measure.ts';

/** Measures the text in pieces of `size` bytes. */
async function measured(form: Form, text: string, size: number) {
  let seen = 0;
  const measure = new Measure(form, (bytes) => (seen += bytes));
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  await pipeline(Readable.from(pieces), measure.resume());
  assert.equal(seen, bytes.length);
  return measure.result();
}

const texts: readonly (readonly [Form, string, number])[] = [
  ['csv', '"a","b"\n', 0],
  ['csv', '"a","b"\n"x\n""y","z"\n1,\n', 2],
  ['csv', '"a"\n"Code: 241. DB::Exception: in a text"\n', 1],
  ['csv', '"a","b"\n"x ""y""\nCode: 1. DB::Exception: in a text\n__exception__\n","z"\n1,"2"\n', 2],
  ['postgres', '', 0],
  ['postgres', 'a\t1\nCode: 1. DB::Exception: in a text\t2\n__exception__\t3\n', 3],
  ['postgres', 'a\\nb\t\\N\nc\t\\\\\n', 2],
];
for (const [form, text, rows] of texts) {
  test(`Measure counts ${rows} rows in ${form} ${JSON.stringify(text)} in pieces of any size`, async () => {
    for (let size = 1; size <= text.length + 1; size++) {
      assert.deepEqual(await measured(form, text, size), {
        rows,
        bytes: Buffer.byteLength(text),
        sha256: createHash('sha256').update(text).digest('hex'),
      });
    }
  });
}

const aborted: readonly (readonly [Form, string])[] = [
  ['parquet', 'PAR1 and then nothing'],
  ['csv', '"a"\n1\nCode: 241. DB::Exception: Memory limit exceeded'],
  ['csv', ''],
  ['csv', '"a","b"\n"x","in the middle of a te'],
  ['csv', '"a"\n"x"\nCode: 62. DB::Exception: Syntax error at "\n'],
  ['csv', '"a"\n"x in\r\n__exception__\r\nab\r\nCode: 1. DB::Exception: "x\r\n40 ab\r\n__exception__\r\n'],
  ['postgres', '1\n__exception__\r\nabc'],
  ['postgres', 'Code: 241. DB::Exception: Memory limit exceeded'],
];
for (const [form, text] of aborted) {
  test(`Measure rejects ${form} ${JSON.stringify(text)} as aborted by ClickHouse`, () =>
    assert.rejects(measured(form, text, 7), ServiceUnavailableError));
}
