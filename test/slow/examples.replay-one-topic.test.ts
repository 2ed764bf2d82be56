import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import { runShell } from '../helpers/command.ts';
import { assertSameRows } from '../helpers/same-rows.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const readme = readFileSync(new URL('../../examples/replay-one-topic/README.md', import.meta.url), 'utf8');

test('the commands in the example restore deleted rows', async (t) => {
  const commands = /^```sh\n(.*?)^```$/ms.exec(readme)?.[1] ?? '';
  assert.match(commands, /DELETE FROM customers_raw.*npm run replay.*npm run reconcile/s);
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 60, seed: 8 });
  const settings = createSettings(t, baseUrl);
  const result = await runShell(t, `set -e\n${commands}`, environmentOf(settings));
  assert.equal(result.exitCode, 0, result.stderr);
  const customers = [...simulator.truth('customers')] as JsonObject[];
  assert.match(result.stdout, /DIFFERS[\s\S]*equal/);
  const uuids = await rowsOf(settings, 'SELECT uuid FROM customers');
  assertSameRows(
    uuids,
    customers.map(({ uuid }) => ({ uuid: uuid ?? null })),
    ['uuid'],
  );
});
