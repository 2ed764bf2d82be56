import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  claimText,
  createClaim,
  heldError,
  holderOf,
  parseClaim,
  unknownHolder,
  type Claim,
} from '../../../../../operations/export/targets/claim.ts';

const HOUR = 3_600_000;

const own = await createClaim();
const cases: readonly (readonly [string, Partial<Claim> | undefined, number, string | undefined])[] = [
  ['of this process', {}, 0, `process ${process.pid}`],
  ['that this process renewed a week ago', {}, 168 * HOUR, `process ${process.pid}`],
  // Processes in different containers often have the same number, such as 7.
  ['of a process in another container', { host: 'pod-b', pid: 7 }, HOUR, 'process 7 on pod-b'],
  [
    'of another container with the same host name',
    { namespace: 'pid:[1]' },
    HOUR,
    `process ${process.pid} on ${own.host}`,
  ],
  ['that another container renewed two days ago', { host: 'pod-b' }, 48 * HOUR, undefined],
  ['that is being written', undefined, 0, 'unknown process'],
  ['that is unreadable and two days old', undefined, 48 * HOUR, undefined],
];
for (const [name, change, ageMs, holder] of cases) {
  test(`a claim ${name} is held by ${holder ?? 'no export'}`, async () =>
    assert.equal((await holderOf(change && { ...own, ...change }, ageMs))?.name, holder));
}

test('the claim of an ended process is free, even if another process reuses its number', async () => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  assert.equal(await holderOf({ ...own, pid: child.pid ?? 0 }, 0), undefined);
  if (own.started !== '') assert.equal(await holderOf({ ...own, started: '1' }, 0), undefined);
});

test('parseClaim reads what claimText writes and rejects any other text', () => {
  assert.deepEqual(parseClaim(claimText(own)), own);
  for (const text of [undefined, '', '123\n', '{}', 'null', JSON.stringify({ ...own, pid: -1 })])
    assert.equal(parseClaim(text), undefined);
  // The host name appears in messages, so it must not contain control characters.
  assert.equal(parseClaim(JSON.stringify({ ...own, host: 'a\u001b[2J' })), undefined);
});

test('heldError suggests deleting a claim only if its export may have ended', async () => {
  const held = async (claim: Claim) => {
    const holder = await holderOf(claim, 0);
    return heldError(holder ?? unknownHolder, '/exports', '/exports/process').message;
  };
  assert.match(
    await held(own),
    /^another export \(process \d+\) is writing to \/exports: wait until it ends$/,
  );
  assert.match(await held({ ...own, host: 'pod-b' }), /; if it was killed, delete \/exports\/process$/);
});
