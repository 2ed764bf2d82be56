import assert from 'node:assert/strict';
import test from 'node:test';
import {
  findDeadLetter,
  hasPrefixOf,
  matchesFilter,
  parseFilter,
  parseIdPrefix,
} from '../../../../operations/dead-letters/choose.ts';
import { ConfigError } from '../../../../core/errors.ts';
import { deadLetterOf, REJECTED_AT, sinkHeaders } from '../../../helpers/dead-letters.ts';

test('hasPrefixOf matches full ids and the first digits of ids', () => {
  const [first, second] = ['1'.repeat(64), '2'.repeat(64)];
  const cases: readonly (readonly [readonly string[], boolean, boolean])[] = [
    [[first], true, false],
    [['1111', second], true, true],
    [['11112', '22'], false, true],
    [[], false, false],
  ];
  for (const [prefixes, ...expected] of cases)
    assert.deepEqual([first, second].map(hasPrefixOf(prefixes)), expected, prefixes.join());
});

test('findDeadLetter finds a dead letter by a unique id prefix, and rejects any other prefix', () => {
  const deadLetters = Array.from({ length: 3_000 }, (_, at) =>
    deadLetterOf(sinkHeaders, `plans|sink|2|${at}`),
  );
  const [first] = deadLetters;
  assert.ok(first);
  assert.equal(findDeadLetter(deadLetters, parseIdPrefix(first.id.toUpperCase())), first);
  const counts = new Map<string, number>();
  for (const { id } of deadLetters) counts.set(id.slice(0, 4), (counts.get(id.slice(0, 4)) ?? 0) + 1);
  const [shared = ''] = [...counts].find(([, count]) => count > 1) ?? [];
  assert.throws(
    () => findDeadLetter(deadLetters, shared),
    /^ConfigError: the ID [0-9a-f]{4} matches \d+ dead letters; give more digits: /,
  );
  assert.throws(() => findDeadLetter([], 'abcd'), ConfigError);
  for (const wrong of ['abc', 'xyzz', '', 'a'.repeat(65)])
    assert.throws(() => parseIdPrefix(wrong), ConfigError);
});

test('filters select by stream, step, reason, time and state, and reject invalid times', () => {
  const matches = (options: Parameters<typeof parseFilter>[0], deadLetter = deadLetterOf()) =>
    matchesFilter(deadLetter, parseFilter(options, REJECTED_AT + 3_600_000));
  for (const [options, isMatch] of [
    [{}, true],
    [{ streams: 'customers, plans' }, true],
    [{ streams: 'customers' }, false],
    [{ step: 'produce' }, false],
    [{ reason: 'etl_dec' }, true],
    [{ reason: 'BROKEN' }, true],
    [{ reason: 'whole' }, false],
    [{ since: '61m' }, true],
    [{ since: '59m' }, false],
    [{ since: '2026-03-01T12:00Z' }, true],
    [{ since: '2026-03-01T13:01+01:00' }, false],
    [{ since: '2026-03-01' }, true],
  ] as const)
    assert.equal(matches(options), isMatch, JSON.stringify(options));
  const redriven = deadLetterOf({ ...sinkHeaders, state: 'redriven' });
  assert.deepEqual(
    { byDefault: matches({}, redriven), all: matches({ all: true }, redriven) },
    { byDefault: false, all: true },
  );
  for (const since of ['', 'yesterday', '2026-02-30T99:00Z', '2026-02-30', '5w', '2999-01-01'])
    assert.throws(() => parseFilter({ since }, REJECTED_AT), ConfigError, since);
});
