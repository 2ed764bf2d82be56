import { Socket } from 'node:net';
import { after, afterEach, beforeEach } from 'node:test';

/** How long a process may stay alive after its last test. */
const END_MS = 30_000;
/** How long one test may take, as set by `test/main.ts`. */
const testMs = Number(process.env['TEST_LIMIT_MS'] ?? 600_000);

let limit;
/** The nesting depth of the current test, because the hooks run for subtests too. */
let depth = 0;

beforeEach(({ name }) => {
  if (depth++ > 0) return;
  limit = setTimeout(() => fail(`the test "${name}" did not end within ${testMs / 1000} s`), testMs).unref();
});

afterEach(() => {
  if (--depth === 0) clearTimeout(limit);
});

after(() => {
  setTimeout(() => {
    warn('the test process did not exit after its tests and is terminated');
    // Without an argument, the exit code is the one that the test runner has set.
    process.exit();
  }, END_MS).unref();
});

/** Prints the message and ends the process with exit code 1. */
function fail(message) {
  warn(message);
  process.exit(1);
}

/** Prints the message and the resources that keep the process alive. */
function warn(message) {
  process.stderr.write(`${message}; open: ${openResources().join(', ')}\n`);
}

/**
 * Returns the types of the active resources and the ports of sockets. The documented API lists only
 * the types, but the ports identify the services.
 */
function openResources() {
  const handles = process._getActiveHandles();
  const sockets = handles.filter((handle) => handle instanceof Socket && handle.remotePort !== undefined);
  const addresses = sockets.map(({ localPort, remotePort }) => `socket ${localPort} to port ${remotePort}`);
  return [...process.getActiveResourcesInfo(), ...addresses];
}
