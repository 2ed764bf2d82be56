import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginAttempts, MAX_FAILURES } from '../../../../dashboard/server/login-attempts.ts';

function createAttempts() {
  const clock = { ms: 0 };
  const attempts = new LoginAttempts(() => clock.ms);
  const fail = (address: string, times: number) => {
    for (let time = 0; time < times; time++) attempts.fail(address);
  };
  return { clock, attempts, fail };
}

test('an address is blocked for a minute after ten wrong passwords', () => {
  const { clock, attempts, fail } = createAttempts();
  fail('10.0.0.1', MAX_FAILURES - 1);
  assert.equal(attempts.isBlocked('10.0.0.1'), false);
  clock.ms = 50_000;
  fail('10.0.0.1', 1);
  assert.equal(attempts.isBlocked('10.0.0.1'), true);
  assert.equal(attempts.isBlocked('10.0.0.2'), false);
  clock.ms = 109_999;
  assert.equal(attempts.isBlocked('10.0.0.1'), true);
  clock.ms = 110_000;
  assert.equal(attempts.isBlocked('10.0.0.1'), false);
  fail('10.0.0.1', MAX_FAILURES - 1);
  assert.equal(attempts.isBlocked('10.0.0.1'), false);
});

test('wrong passwords in different minutes do not add up', () => {
  const { clock, attempts, fail } = createAttempts();
  for (let minute = 0; minute < 5; minute++) {
    clock.ms = minute * 60_000;
    fail('10.0.0.1', MAX_FAILURES - 1);
    assert.equal(attempts.isBlocked('10.0.0.1'), false);
  }
});

const addressPairs: readonly (readonly [string, string, boolean])[] = [
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['2001:db8::1', '2001:db8:0:0:5::', true],
  ['::1', '::2', true],
  ['::ffff:10.0.0.1', '10.0.0.1', true],
  ['fe80::1', 'fe80::2', true],
];
for (const [first, second, isSame] of addressPairs) {
  test(`${second} ${isSame ? 'shares' : 'does not share'} the limit of ${first}`, () => {
    const { attempts, fail } = createAttempts();
    fail(first, MAX_FAILURES);
    assert.equal(attempts.isBlocked(second), isSame);
  });
}
