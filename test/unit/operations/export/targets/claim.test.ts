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
  ['this process', {}, 0, `process ${process.pid}`],
  ['this process, a week ago', {}, 168 * HOUR, `process ${process.pid}`],
  // In containers, every process is often number 7.
  ['a process of another container', { host: 'pod-b', pid: 7 }, HOUR, 'process 7 on pod-b'],
  ['another container of this name', { namespace: 'pid:[1]' }, HOUR, `process ${process.pid} on ${own.host}`],
  ['another container, two days ago', { host: 'pod-b' }, 48 * HOUR, undefined],
  ['a claim that is being written', undefined, 0, 'unknown process'],
  ['an unreadable claim, two days ago', undefined, 48 * HOUR, undefined],
];
for (const [name, change, ageMs, holder] of cases) {
  test(`the claim of ${name} is held by ${holder ?? 'no export'}`, async () =>
    assert.equal((await holderOf(change && { ...own, ...change }, ageMs))?.name, holder));
}

test('the claim of a process that has ended is free, even if another one has its number', async () => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  assert.equal(await holderOf({ ...own, pid: child.pid ?? 0 }, 0), undefined);
  if (own.started !== '') assert.equal(await holderOf({ ...own, started: '1' }, 0), undefined);
});

test('a claim is read back, and any other text is none', () => {
  assert.deepEqual(parseClaim(claimText(own)), own);
  for (const text of [undefined, '', '123\n', '{}', 'null', JSON.stringify({ ...own, pid: -1 })])
    assert.equal(parseClaim(text), undefined);
  // The name of the host appears in messages.
  assert.equal(parseClaim(JSON.stringify({ ...own, host: 'a\u001b[2J' })), undefined);
});

test('only the claim of an export that may have ended is to be deleted', async () => {
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
