import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { Secret } from '../../../../core/settings/secret.ts';
import { postgresConnection } from '../../../../operations/export/targets/open-target.ts';
import { parseTarget, placeOf } from '../../../../operations/export/targets/parse-target.ts';
import { pgName, pgText } from '../../../../operations/export/targets/postgres-names.ts';

const settings = {
  pgPassword: new Secret('from-the-environment'),
  aws: { credentials: undefined, region: undefined, endpoint: undefined },
  allowsPlaintext: false,
};

const addresses: readonly (readonly [string, string])[] = [
  ['parquet:/tmp/a', '/tmp/a'],
  ['csv:/tmp/a', '/tmp/a'],
  ['duckdb:/tmp/a.duckdb', '/tmp/a.duckdb'],
  [
    'postgres://me:secret-word@db.example.com:6432/analytics?sslmode=require',
    'postgres://db.example.com:6432/analytics',
  ],
  ['postgresql://me@localhost/a', 'postgres://localhost/a'],
  ['s3://bucket/some/prefix/', 's3://bucket/some/prefix'],
  ['s3://bucket', 's3://bucket/'],
];
for (const [text, place] of addresses) {
  test(`the target ${text.replace('secret-word', '…')} is shown as ${place}`, () =>
    assert.equal(placeOf(parseTarget(text)), place));
}

for (const text of [
  '',
  'parquet',
  'parquet:',
  'csv://x',
  'postgres://',
  'postgres://u:secret-word@h',
  's3://',
  's3:///x',
  's3://B/x',
  'mysql://h/d',
]) {
  test(`the target "${text.replace('secret-word', '…')}" is rejected without being shown`, () =>
    assert.throws(
      () => parseTarget(text),
      (error) =>
        error instanceof ConfigError &&
        error.message.startsWith('--to must be one of parquet:DIR') &&
        !error.message.includes('secret-word'),
    ));
}

const connect = (text: string, allowsPlaintext = false) =>
  postgresConnection(new URL(text), { ...settings, allowsPlaintext });

test('PostgreSQL is reached without TLS on this machine, and with verified TLS elsewhere', async () => {
  assert.deepEqual(await connect('postgres://me@localhost/a'), {
    host: 'localhost',
    port: 5432,
    user: 'me',
    database: 'a',
    password: 'from-the-environment',
    tls: false,
  });
  assert.deepEqual(await connect('postgres://me:p%40ss@db.example.com:6432/a'), {
    host: 'db.example.com',
    port: 6432,
    user: 'me',
    database: 'a',
    password: 'p@ss',
    tls: { ca: undefined },
  });
  assert.equal((await connect('postgres://me@10.0.0.1/a?sslmode=disable', true)).tls, false);
});

const wrong: Readonly<Record<string, RegExp>> = {
  'postgres://me@db.example.com/a?sslmode=disable': /ALLOW_PLAINTEXT_CREDENTIALS=true$/,
  'postgres://me@localhost/a?sslmode=prefer': /sslmode .* must be one of disable, require/,
  'postgres://me@localhost/a?options=-csearch_path': /no parameters but sslmode and sslrootcert/,
  'postgres://localhost/a': /must name a user/,
  'postgres://me:50%off@localhost/a': /a % in the user, password, host or database must be written as %25/,
  'postgres://me@localhost/50%': /must be written as %25/,
  'postgres://me@db.example.com/a?sslrootcert=/no/such/file': /sslrootcert must be the path/,
};
for (const [text, message] of Object.entries(wrong)) {
  test(`the address ${text} is refused`, () =>
    assert.rejects(connect(text), (error) => error instanceof ConfigError && message.test(error.message)));
}

test('names and strings for PostgreSQL are quoted, and long names stay distinct', () => {
  assert.equal(pgName('a"b\0'), '"a""b"');
  const [one, two] = ['ü'.repeat(40), `${'ü'.repeat(39)}u`].map(pgName);
  assert.notEqual(one, two);
  assert.ok(Buffer.byteLength(one ?? '') <= 63 + 2);
  assert.equal(pgText("it's"), "'it''s'");
  assert.equal(pgText("\\'"), "E'\\\\'''");
});
