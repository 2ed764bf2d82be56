import assert from 'node:assert/strict';
import test from 'node:test';
import { ClickHouseError } from '@clickhouse/client';
import { clickHouseError, literal, qualified, quoted } from '../../../core/clickhouse/client.ts';
import { loadSettings } from '../../../core/settings/config.ts';
import { DecodeError } from '../../../core/errors.ts';
import { kafkaError } from '../../../core/kafka/kafka-error.ts';

const settings = loadSettings(
  {
    ...{ KAFKA_USERNAME: 'u', KAFKA_SASL_MECHANISM: 'plain', KAFKA_PASSWORD: 's3cret' },
    ...{ CLICKHOUSE_USERNAME: 'u', CLICKHOUSE_PASSWORD: 's3cret' },
  },
  '',
);
/** Returns an error with the properties of a kafkajs error, whose class cannot be imported. */
const failure = (name: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), { name, ...more });
const password = failure('KafkaJSSASLAuthenticationError', 'SASL failed', { retriable: false });
const right = failure('KafkaJSProtocolError', 'Not authorized', {
  type: 'TOPIC_AUTHORIZATION_FAILED',
  retriable: false,
});
/** kafkajs wraps permanent failures of a send or fetch this way. */
const wrapped = (cause: Error) =>
  failure('KafkaJSNonRetriableError', cause.message, { cause, retriable: false });

const kafkaErrors: readonly (readonly [string, unknown, string, RegExp])[] = [
  [
    'a refused connection',
    failure('KafkaJSConnectionError', 'Connection refused'),
    'ServiceUnavailableError',
    /127\.0\.0\.1:9092 \(KAFKA_BROKERS\)/,
  ],
  ['a wrong password', password, 'ServiceRefusedError', /KAFKA_PASSWORD/],
  ['a wrapped wrong password', wrapped(password), 'ServiceRefusedError', /KAFKA_PASSWORD/],
  ['a missing ACL', right, 'ServiceRefusedError', /KAFKA_BROKERS/],
  ['a wrapped missing ACL', wrapped(right), 'ServiceRefusedError', /KAFKA_BROKERS/],
  [
    'a rejected creation of several topics',
    failure('KafkaJSAggregateError', 'Topic creation errors', {
      errors: [
        failure('KafkaJSCreateTopicError', 'Not so', {
          type: 'POLICY_VIOLATION',
          retriable: false,
          topic: 'x.plans',
        }),
      ],
    }),
    'ServiceRefusedError',
    /POLICY_VIOLATION for topic x\.plans: Not so/,
  ],
  ['a thrown string', 'gone', 'ServiceUnavailableError', /gone/],
];
for (const [name, error, expected, message] of kafkaErrors) {
  test(`kafkaError turns ${name} into ${expected}`, () => {
    const found = kafkaError(error, settings.kafka);
    assert.equal(found.name, expected);
    assert.match(found.message, message);
    assert.doesNotMatch(found.message, /s3cret/);
    assert.equal(found.cause, error);
  });
}

const answered = (code: string, type = 'NAME', message = 'said') =>
  new ClickHouseError({ message, code, type });
const clickHouseErrors: readonly (readonly [unknown, string, RegExp])[] = [
  [answered('252', 'TOO_MANY_PARTS'), 'ServiceUnavailableError', /TOO_MANY_PARTS/],
  [answered('241'), 'ServiceUnavailableError', /241/],
  [answered('999', 'KEEPER_EXCEPTION'), 'ServiceUnavailableError', /KEEPER/],
  [
    answered('252', 'TOO_MANY_PARTS', 'Too many partitions for single INSERT block (more than 100)'),
    'ServiceRefusedError',
    /max_partitions_per_insert_block/,
  ],
  [answered('164', 'READONLY'), 'ServiceRefusedError', /read-only profile/],
  [answered('497', 'ACCESS_DENIED'), 'ServiceRefusedError', /clickhouse-rights\.md/],
  [answered('159', 'TIMEOUT_EXCEEDED'), 'ServiceUnavailableError', /max_execution_time/],
  [answered('242', 'TABLE_IS_READ_ONLY'), 'ServiceUnavailableError', /Keeper/],
  [answered('516', 'AUTHENTICATION_FAILED'), 'ServiceRefusedError', /CLICKHOUSE_PASSWORD/],
  [answered('62', 'SYNTAX_ERROR'), 'ServiceRefusedError', /62/],
  [answered('60', 'UNKNOWN_TABLE'), 'ServiceRefusedError', /60/],
  [new Error('ECONNREFUSED'), 'ServiceUnavailableError', /does not respond/],
];
for (const [error, expected, message] of clickHouseErrors) {
  test(`clickHouseError turns ${error instanceof ClickHouseError ? `code ${error.code} (${error.message})` : 'a refused connection'} into ${expected}`, () => {
    const found = clickHouseError(error, settings.clickhouse, 'table plans_raw');
    assert.equal(found.name, expected);
    assert.match(found.message, message);
    assert.match(found.message, /^table plans_raw: .*127\.0\.0\.1:8123 \(CLICKHOUSE_URL\)/);
    assert.doesNotMatch(found.message, /s3cret/);
  });
}

test('kafkaError and clickHouseError return a project error unchanged', () => {
  const own = new DecodeError('x');
  assert.equal(kafkaError(own, settings.kafka), own);
  assert.equal(clickHouseError(own, settings.clickhouse), own);
});

test('quoted and literal escape quotes and backslashes', () => {
  assert.equal(quoted('a`b\\c'), '`a\\`b\\\\c`');
  assert.equal(literal("a'b\\c"), "'a\\'b\\\\c'");
  assert.equal(qualified('d.b', 't'), '`d.b`.`t`');
});
