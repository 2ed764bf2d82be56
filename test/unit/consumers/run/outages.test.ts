import assert from 'node:assert/strict';
import test from 'node:test';
import { Outages } from '../../../../consumers/run/outages.ts';
import { logger } from '../../../../core/logger.ts';

test('Outages logs one warning when a service becomes unavailable and one line when it is back', (t) => {
  const lines: string[] = [];
  t.mock.method(logger, 'warn', (_: unknown, line: string) => lines.push(`warn ${line}`));
  t.mock.method(logger, 'info', (_: unknown, line: string) => lines.push(`info ${line}`));
  const outages = new Outages();
  for (const stream of ['plans', 'tasks', 'plans']) outages.begin('ClickHouse', stream, 'refused');
  outages.begin('Kafka', 'plans', 'refused');
  outages.end('plans');
  outages.end('notes');
  // A stream that has stopped waiting may fail again during the same outage.
  outages.begin('ClickHouse', 'plans', 'refused');
  outages.end('plans');
  outages.end('tasks');
  outages.begin('ClickHouse', 'tasks', 'refused');
  const expected = [
    'warn ClickHouse is unavailable: retrying until it responds',
    'warn Kafka is unavailable: retrying until it responds',
    'info Kafka is available again',
    'info ClickHouse is available again',
    'warn ClickHouse is unavailable: retrying until it responds',
  ];
  assert.deepEqual(lines, expected);
});
