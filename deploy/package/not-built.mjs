#!/usr/bin/env node
// Makes `npm pack` and `npm publish` fail in the checkout, as its `prepack` script. If npm does not
// run scripts, they pack this file as the only program.
console.error(
  'This is the source of chartmogul-clickhouse, not its package: run "npm run package" in the checkout.',
);
process.exitCode = 2;
