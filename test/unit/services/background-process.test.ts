import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { LocalServiceError } from '../../../core/errors.ts';
import { BackgroundProcess } from '../../../services/background-process.ts';
import { withLock } from '../../../services/command-lock.ts';
import { isTrueWithin } from '../../../services/deadline.ts';
import { processIdentity } from '../../../services/process-identity.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'services-process-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function launch(folder: string, script: string) {
  return { command: process.execPath, args: ['-e', script], env: {}, cwd: folder };
}

const forever = 'setInterval(() => {}, 1000)';

async function started(t: TestContext, folder: string, script: string): Promise<BackgroundProcess> {
  const background = new BackgroundProcess(folder, 'it');
  await background.start(launch(folder, script));
  const pid = background.pid();
  // Kills by id, because the hook that removes the folder with the process file runs first.
  t.after(() => {
    if (pid !== undefined && processIdentity(pid) !== undefined) process.kill(pid, 'SIGKILL');
  });
  return background;
}

describe('a background process', () => {
  test('is found again by another object with the same name and folder', async (t) => {
    const folder = folderOf(t);
    const { pid } = await started(t, folder, forever).then((background) => ({ pid: background.pid() }));
    assert.ok(pid !== undefined);
    assert.equal(new BackgroundProcess(folder, 'it').pid(), pid);
    assert.equal(new BackgroundProcess(folder, 'another').pid(), undefined);
  });

  test('is gone after stop', async (t) => {
    const background = await started(t, folderOf(t), forever);
    const pid = background.pid() ?? 0;
    await background.stop();
    assert.equal(background.pid(), undefined);
    assert.equal(processIdentity(pid), undefined);
  });

  test('is not running after it has ended', async (t) => {
    const background = await started(t, folderOf(t), '');
    assert.ok(await isTrueWithin(10_000, () => background.pid() === undefined));
  });

  test('is distinguished from another process with the same id, which is not killed', async (t) => {
    const folder = folderOf(t);
    const stranger = spawn(process.execPath, ['-e', forever]);
    t.after(() => stranger.kill('SIGKILL'));
    await once(stranger, 'spawn');
    writeFileSync(
      join(folder, 'it.pid'),
      JSON.stringify({ pid: stranger.pid, identity: 'a process of last week' }),
    );
    const background = new BackgroundProcess(folder, 'it');
    assert.equal(background.pid(), undefined);
    await background.stop();
    assert.ok(processIdentity(stranger.pid ?? 0) !== undefined, 'the other process was killed');
  });

  test('writes its output to a log and keeps the previous log', async (t) => {
    const folder = folderOf(t);
    const first = await started(t, folder, 'console.error("the first reason")');
    assert.ok(await isTrueWithin(10_000, () => first.pid() === undefined));
    assert.match(first.lastWords(), /the first reason/);
    await first.start(launch(folder, ''));
    assert.match(readFileSync(join(folder, 'it.previous.log'), 'utf8'), /the first reason/);
  });

  test('causes an error that names it if it cannot be started', async (t) => {
    const folder = folderOf(t);
    const start = new BackgroundProcess(folder, 'it').start({
      ...launch(folder, ''),
      command: 'no-such-command',
    });
    await assert.rejects(
      start,
      (error) => error instanceof LocalServiceError && /^it: no-such-command/.test(error.message),
    );
  });
});

describe('the lock of a command', () => {
  test('allows one command to work at a time', async (t) => {
    const path = join(folderOf(t), 'lock');
    const running = { now: 0, most: 0 };
    const work = async () => {
      running.now += 1;
      running.most = Math.max(running.most, running.now);
      await new Promise((resolve) => setImmediate(resolve));
      running.now -= 1;
    };
    await Promise.all([1, 2, 3].map(() => withLock(path, undefined, work)));
    assert.equal(running.most, 1);
  });

  test('is released when the work fails', async (t) => {
    const path = join(folderOf(t), 'lock');
    await assert.rejects(
      withLock(path, undefined, () => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.equal(await withLock(path, undefined, () => Promise.resolve('mine')), 'mine');
  });

  test('is acquired from a holder that was killed', async (t) => {
    const path = join(folderOf(t), 'lock');
    writeFileSync(path, JSON.stringify({ pid: process.pid, identity: 'a process of last week' }));
    assert.equal(await withLock(path, AbortSignal.timeout(10_000), () => Promise.resolve('mine')), 'mine');
  });
});

describe('a damaged file', () => {
  const damaged = [
    ...['{"pid":-1}', '{"pid":0}', '{"pid":1}', '{"pid":1,"identity":""}', '{"pid":"7","identity":"x"}', ''],
    ...[
      'null',
      '7',
      '{',
      '{"pid":1e99,"identity":"x"}',
      '{"pid":-1,"identity":null}',
      `{"pid":${process.pid}}`,
    ],
    `{"pid":${process.pid},"identity":""}`,
  ];

  test('does not cause a signal to be sent to any process', async (t) => {
    const kill = t.mock.method(process, 'kill', () => true);
    for (const content of damaged) {
      const folder = folderOf(t);
      writeFileSync(join(folder, 'it.pid'), content);
      const background = new BackgroundProcess(folder, 'it');
      assert.equal(background.pid(), undefined, content);
      await background.stop();
    }
    assert.equal(kill.mock.callCount(), 0);
  });

  test('is not a lock, and neither is a symbolic link', async (t) => {
    for (const content of damaged) {
      const path = join(folderOf(t), 'lock');
      writeFileSync(path, content);
      assert.equal(await withLock(path, AbortSignal.timeout(10_000), () => Promise.resolve('mine')), 'mine');
    }
    const folder = folderOf(t);
    const target = join(folder, 'target');
    writeFileSync(target, 'kept');
    symlinkSync(target, join(folder, 'lock'));
    await withLock(join(folder, 'lock'), AbortSignal.timeout(10_000), () => Promise.resolve());
    assert.equal(readFileSync(target, 'utf8'), 'kept');
  });

  test('that is a symbolic link in place of a log or process file is not followed', async (t) => {
    const folder = folderOf(t);
    const target = join(folder, 'target');
    writeFileSync(target, JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) }));
    symlinkSync(target, join(folder, 'it.pid'));
    symlinkSync(target, join(folder, 'it.log'));
    const background = new BackgroundProcess(folder, 'it');
    assert.equal(background.pid(), undefined);
    const before = readFileSync(target, 'utf8');
    await background.start(launch(folder, 'console.log("said")'));
    t.after(() => background.stop());
    assert.equal(readFileSync(target, 'utf8'), before);
    assert.equal(statSync(join(folder, 'it.log')).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'it.pid')).mode & 0o777, 0o600);
  });
});
