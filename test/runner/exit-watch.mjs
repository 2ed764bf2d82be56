import { after } from 'node:test';

const LIMIT_MS = 10_000;

/** Ends a test process that would not end after its tests, and prints what keeps it alive. */
after(() => {
  setTimeout(() => {
    const resources = process.getActiveResourcesInfo().join(', ');
    process.stderr.write(`the test process does not end after its tests: ${resources}\n`);
    process.exit(1);
  }, LIMIT_MS).unref();
});
