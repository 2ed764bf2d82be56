#!/usr/bin/env node
// In the checkout itself, `npm pack` and `npm publish` run this script. If npm is configured to run
// no scripts, they pack it as the only program.
console.error(
  'This is the source of chartmogul-clickhouse, not its package: run "npm run package" in the checkout.',
);
process.exitCode = 2;
