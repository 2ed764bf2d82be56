#!/usr/bin/env node
// `npm pack` and `npm publish` of the checkout itself run this, or pack it as the only program: npm
// may be set to run no scripts, so a build cannot be ensured there.
console.error(
  'This is the source of chartmogul-clickhouse, not its package: run "npm run package" in the checkout.',
);
process.exitCode = 2;
