import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../deploy/monitoring/', import.meta.url));

const promtool = (...args: readonly string[]) =>
  spawnSync('promtool', args, { cwd: folder, encoding: 'utf8', timeout: 120_000 });

const isMissing = promtool('--version').error !== undefined;
/** The reason to skip the test, which CI never skips. */
const skip =
  isMissing && process.env['CI'] !== 'true' ? "promtool is missing: install Debian's prometheus" : false;

test("Prometheus's promtool accepts the alerts and fires each of them", { skip }, () => {
  for (const args of [
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
  ]) {
    const { status, stdout, stderr, error } = promtool(...args);
    assert.equal(status, 0, `${error?.message ?? ''}${stdout}${stderr}`);
  }
});
