import assert from 'node:assert/strict';
import test from 'node:test';
import { readBaseline } from '../../benchmarks/baseline.ts';
import { costNames, leastOf, measureCosts, relativeCost, type CostName } from '../../benchmarks/cost.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';

const TOLERANCE_PERCENT = 15;
const REFRESH = 'if that is intended, run npm run bench -- baseline';

test('produce and sink need the CPU time per record of the baseline', async (t) => {
  const baseline = readBaseline();
  const majorOf = (version: string) => version.split('.')[0];
  if (majorOf(baseline.node) !== majorOf(process.version)) {
    t.skip(`the baseline is of Node ${baseline.node}; this is ${process.version}`);
    return;
  }
  let costs = await measureCosts(createSettings(t), noSignal);
  const changeOf = (name: CostName) => (relativeCost(costs, name) / relativeCost(baseline, name) - 1) * 100;
  // Other programs may disturb a whole measurement, but can only add to it.
  if (costNames.some((name) => changeOf(name) > TOLERANCE_PERCENT))
    costs = leastOf(costs, await measureCosts(createSettings(t), noSignal));
  for (const name of costNames) {
    const change = `${name} costs ${costs.us[name].toFixed(2)} µs of CPU per record, ${changeOf(name).toFixed(1)} % more than the baseline`;
    t.diagnostic(change);
    assert.ok(Math.abs(changeOf(name)) <= TOLERANCE_PERCENT, `${change}: ${REFRESH}`);
  }
});
