import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import * as errors from '../../../../core/errors.ts';
import { explainError } from '../../../../operations/errors/explain.ts';
import { errorEntries, type NextStep } from '../../../../operations/errors/reference.ts';

const { EtlError, FatalError, RecordError, RetriableError } = errors;
const bases: readonly unknown[] = [EtlError, RetriableError, RecordError, FatalError];
const classes = (Object.values(errors) as unknown[]).filter(
  (one): one is new (message: string) => errors.EtlError =>
    typeof one === 'function' && one.prototype instanceof EtlError && !bases.includes(one),
);

/** Matches a vertical bar outside parentheses. */
const TOP_LEVEL_BAR = /\|(?![^(]*\))/;

test('the reference lists every error code once, with the next step of its class', () => {
  const next = (error: errors.EtlError): NextStep =>
    error instanceof RetriableError ? 'retry' : error instanceof RecordError ? 'record' : 'act';
  const expected = classes.map((Class) => new Class('')).map((error) => [error.code, next(error)]);
  const byCode = ([a = '']: string[], [b = '']: string[]) => a.localeCompare(b);
  assert.deepEqual(errorEntries.map((entry) => [entry.code, entry.next]).sort(byCode), expected.sort(byCode));
});

for (const [text, codes] of [
  ['ETL_FENCED', ['ETL_FENCED']],
  ['etl_fenced', ['ETL_FENCED']],
  ['the run failed with ETL_MASS_DELETE and ETL_CONFIG', ['ETL_CONFIG', 'ETL_MASS_DELETE']],
  [
    'Kafka does not respond at 127.0.0.1:9092 (KAFKA_BROKERS): ECONNREFUSED; for local services, run `npm run services -- up`',
    ['ETL_SERVICE_UNAVAILABLE'],
  ],
  ['MAX_DECODED_MIB must be a whole number from 1 to 500; got "x"', ['ETL_CONFIG']],
  ['ChartMogul rejected the key: /ping returned 401. Set CHARTMOGUL_API_KEY', ['ETL_AUTHENTICATION']],
  ['there is nothing like this', []],
  ['ETL_NO_SUCH', []],
  ['', []],
] as const) {
  test(`explainError finds ${codes.join(', ') || 'nothing'} for "${text.slice(0, 60)}"`, () => {
    assert.deepEqual(
      explainError(text).map(({ code }) => code),
      codes,
    );
  });
}

test('explainError includes the remedy for a ClickHouse code', () => {
  const [first] = explainError('ClickHouse at http://h returned code 516 (AUTHENTICATION_FAILED): no');
  assert.equal(first?.code, 'ETL_SERVICE_REFUSED');
  assert.match(first.clickHouse?.remedy ?? '', /CLICKHOUSE_PASSWORD/);
  assert.equal(explainError('ClickHouse at http://h returned code 9999 (X): no')[0]?.clickHouse, undefined);
});

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Messages of IncompatibleSchemaErrors that the sink rethrows as UnknownSchemaErrors. */
const RETHROWN = [String.raw`has no schema \d+`, 'is not an Avro record'];

const messages = messagesOfTheCode();

/** Returns the source code that throws errors, with each interpolated value replaced by a digit. */
function messagesOfTheCode(): string {
  const folders = ['core', 'producers', 'consumers', 'operations', 'services', 'commands'];
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const own = files.filter((file) => file.endsWith('.ts') && !file.startsWith('operations/errors/'));
  return own.map((file) => readFileSync(join(root, file), 'utf8').replaceAll(/\$\{[^}]*\}/g, '1')).join('\n');
}

for (const { code, sign } of errorEntries)
  for (const part of sign?.source.split(TOP_LEVEL_BAR) ?? []) {
    // Error codes such as ECONNREFUSED come from Node.js and not from this code.
    if (/^E[A-Z]+$/.test(part)) continue;
    test(`a message in the code matches the sign /${part}/ of ${code}`, () => {
      const inCode = part.replace(/^\^/, '').replaceAll(/\d{3}/g, '\\d+');
      const found = [...messages.matchAll(new RegExp(inCode, `g${sign?.flags ?? ''}`))];
      // If a message is not built within a constructor call, its class is unknown and is assumed to
      // be correct.
      const codesOf = found.map(({ index }) => {
        const name = /new (\w+Error)\([^;]*$/.exec(messages.slice(0, index))?.[1];
        const Class = classes.find((one) => one.name === name);
        return Class === undefined ? code : new Class('').code;
      });
      assert.ok(
        codesOf.includes(code) || RETHROWN.includes(part),
        `the sign matches only these errors: ${codesOf.join(', ')}`,
      );
    });
  }
