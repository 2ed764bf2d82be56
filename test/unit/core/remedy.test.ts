import assert from 'node:assert/strict';
import test from 'node:test';
import { ClickHouseError } from '@clickhouse/client';
import { clickHouseError } from '../../../core/clickhouse/client.ts';
import { adviceOf } from '../../../core/remedy.ts';

const cases: readonly (readonly [text: string, message: string, remedy?: string])[] = [
  ['no table yet; run `npm run sink`', 'no table yet', 'run `npm run sink`'],
  ['a: b; c; check the key', 'a: b; c', 'check the key'],
  ['SHOW_PORT must be a port; got "x"', 'SHOW_PORT must be a port; got "x"'],
  ['Kafka does not respond', 'Kafka does not respond'],
];
for (const [text, message, remedy] of cases)
  test(`adviceOf finds ${remedy === undefined ? 'no remedy' : 'the remedy'} in "${text}"`, () => {
    assert.deepEqual(adviceOf(text), { message, remedy });
  });

const server = { url: 'http://127.0.0.1:8123', credentials: undefined, database: 'test', cluster: undefined };
const failures: readonly (readonly [says: string, code: string, type: string, remedy: RegExp | undefined])[] =
  [
    ["Unknown identifier x. In scope SELECT 'a; b', x", '47', 'UNKNOWN_IDENTIFIER', undefined],
    ['Syntax error (Multi-statements are not allowed): ; SELECT 2.', '62', 'SYNTAX_ERROR', undefined],
    ["Not enough privileges for SELECT 'a; b'.", '497', 'ACCESS_DENIED', /GRANT|grant/],
  ];
for (const [says, code, type, remedy] of failures)
  test(`adviceOf does not split ClickHouse's own message for ${type}`, () => {
    const error = new ClickHouseError({ message: says, code, type });
    const advice = adviceOf(`stream plans: ${clickHouseError(error, server).message}`);
    assert.ok(
      advice.message.endsWith(`(${type}): ${remedy ? says.replace(/\.$/, '') : says}`),
      advice.message,
    );
    if (remedy === undefined) assert.equal(advice.remedy, undefined);
    else assert.match(advice.remedy ?? '', remedy);
  });
