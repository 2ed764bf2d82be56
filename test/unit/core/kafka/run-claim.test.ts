import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { grantClaims, type Claim, type Claimant } from '../../../../core/kafka/run-claim.ts';

const member = (memberId: string, names: readonly string[], some: Partial<Claim> = {}): Claimant => ({
  memberId,
  claim: {
    id: memberId,
    names,
    host: 'h',
    pid: 1,
    sinceMs: 0,
    isGranted: false,
    isTakingOver: false,
    ...some,
  },
});
const granted = (...claimants: readonly Claimant[]) => [...grantClaims(claimants)].sort().join(' ');

const cases: readonly (readonly [string, readonly Claimant[], string])[] = [
  ['a single claim is granted', [member('a', ['plans'])], 'a'],
  ['the lower id wins among simultaneous claims', [member('b', ['plans']), member('a', ['plans'])], 'a'],
  ['claims to disjoint streams are granted', [member('a', ['plans']), member('b', ['tasks'])], 'a b'],
  ['one shared stream is a conflict', [member('a', ['plans', 'x']), member('b', ['x', 'y'])], 'a'],
  ['an earlier grant is kept', [member('a', ['plans']), member('b', ['plans'], { isGranted: true })], 'b'],
  [
    'a takeover is granted alongside the granted run',
    [member('a', ['plans'], { isTakingOver: true }), member('b', ['plans'], { isGranted: true })],
    'a b',
  ],
  [
    'a rejected claim does not block other claims',
    [member('a', ['x']), member('b', ['x', 'y']), member('c', ['y'])],
    'a c',
  ],
  ['a foreign member is ignored', [{ memberId: 'a', claim: undefined }, member('b', ['plans'])], 'b'],
];
for (const [name, claimants, expected] of cases)
  test(`claims: ${name}`, () => assert.equal(granted(...claimants), expected));

test('no stream is granted twice, and every refused claim overlaps a granted one', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(names, { maxLength: 6 }), (claims) => {
      const members = claims.map((claimed, index) => member(String(index), claimed));
      const winners = grantClaims(members);
      const won = members.flatMap(({ memberId, claim }) =>
        winners.has(memberId) ? (claim?.names ?? []) : [],
      );
      assert.equal(new Set(won).size, won.length);
      for (const { memberId, claim } of members)
        assert.ok(winners.has(memberId) || claim?.names.some((name) => won.includes(name)));
    }),
  );
});
