import { Socket } from 'node:net';
import { after } from 'node:test';

const LIMIT_MS = 10_000;

/** Ends a test process that does not end after its tests, and prints what keeps it alive. */
after(() => {
  setTimeout(() => {
    process.stderr.write(`the test process does not end after its tests: ${whatIsOpen().join(', ')}\n`);
    process.exit(1);
  }, LIMIT_MS).unref();
});

/** The documented list has only types; the address of a socket shows the service. */
function whatIsOpen() {
  const handles = process._getActiveHandles();
  const sockets = handles.filter((handle) => handle instanceof Socket && handle.remotePort !== undefined);
  const addresses = sockets.map(({ localPort, remotePort }) => `socket ${localPort} to port ${remotePort}`);
  return [...process.getActiveResourcesInfo(), ...addresses];
}
