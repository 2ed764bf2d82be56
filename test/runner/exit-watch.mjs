import { Socket } from 'node:net';
import { after, afterEach, beforeEach } from 'node:test';

/** The time for which a process may remain after its last test. */
const END_MS = 30_000;
/** How long one test may take: `test/main.ts` sets it. */
const testMs = Number(process.env['TEST_LIMIT_MS'] ?? 600_000);

let limit;
/** The hooks run for subtests too. */
let depth = 0;

beforeEach(({ name }) => {
  if (depth++ > 0) return;
  limit = setTimeout(() => fail(`the test "${name}" has not ended after ${testMs / 1000} s`), testMs).unref();
});

afterEach(() => {
  if (--depth === 0) clearTimeout(limit);
});

after(() => {
  setTimeout(() => {
    warn('the test process does not end after its tests, and is ended');
    // The outcome is that of the tests.
    process.exit();
  }, END_MS).unref();
});

/** Fails the process. */
function fail(message) {
  warn(message);
  process.exit(1);
}

/** Prints what keeps the process alive. */
function warn(message) {
  process.stderr.write(`${message}; open: ${whatIsOpen().join(', ')}\n`);
}

/** The documented list has only types; the address of a socket shows the service. */
function whatIsOpen() {
  const handles = process._getActiveHandles();
  const sockets = handles.filter((handle) => handle instanceof Socket && handle.remotePort !== undefined);
  const addresses = sockets.map(({ localPort, remotePort }) => `socket ${localPort} to port ${remotePort}`);
  return [...process.getActiveResourcesInfo(), ...addresses];
}
