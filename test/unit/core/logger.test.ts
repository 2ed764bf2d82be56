import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Returns the log lines of a script, which can use `logger` and `withRunId`. */
function linesOf(script: string): readonly Record<string, unknown>[] {
  const source = `const { logger, withRunId } = await import('./core/logger.ts'); ${script}`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', source];
  const { stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('every log line of a run has the id of the run, and no other line has an id', () => {
  const lines = linesOf(`
    const later = (text) => new Promise((done) => setTimeout(() => (logger.info(text), done()), 5));
    logger.info('before');
    const runs = ['one', 'two'].map((run) => withRunId(run, async () => {
      logger.warn({ stream: 'plans' }, run);
      await later(run);
      await new Promise((done) => setImmediate(done));
      logger.error(run);
    }));
    logger.info('meanwhile');
    await Promise.all(runs);
    logger.info('after');`);
  assert.equal(lines.length, 9);
  for (const { run, msg } of lines)
    assert.equal(run, msg === 'one' || msg === 'two' ? msg : undefined, String(msg));
});
