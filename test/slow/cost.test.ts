import assert from 'node:assert/strict';
import test from 'node:test';
import { childEnvironment } from '../../core/settings/child-environment.ts';
import { readBaseline } from '../../benchmarks/baseline.ts';
import { costNames, leastOf, relativeCost, type CostName, type Costs } from '../../benchmarks/cost.ts';
import { startCommand } from '../helpers/command.ts';

const TOLERANCE_PERCENT = 15;
const ATTEMPTS = 5;

test('produce and sink need the CPU time per record of the baseline', async (t) => {
  const baseline = readBaseline();
  const majorOf = (version: string) => version.split('.')[0];
  if (majorOf(baseline.node) !== majorOf(process.version)) {
    t.skip(`the baseline is of Node ${baseline.node}; this is ${process.version}`);
    return;
  }
  // In a process of its own, because the test runner's loader makes the code slower.
  const measure = async () => {
    const bench = startCommand(t, 'benchmarks/main.ts', ['costs'], childEnvironment());
    const { exitCode, stdout, stderr } = await bench.result;
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout) as Costs;
  };
  let costs = await measure();
  const changeOf = (name: CostName) => (relativeCost(costs, name) / relativeCost(baseline, name) - 1) * 100;
  // Other programs may disturb a whole measurement, but can only add to it.
  const isSlow = () => costNames.some((name) => changeOf(name) > TOLERANCE_PERCENT);
  for (let attempt = 1; isSlow() && attempt < ATTEMPTS; attempt++) costs = leastOf(costs, await measure());
  for (const name of costNames) {
    const change = changeOf(name);
    const message = `${name} costs ${costs.us[name].toFixed(2)} µs of CPU per record: ${change.toFixed(1)} % more than the baseline`;
    t.diagnostic(message);
    // A lower cost is not a failure, and differs more between machines.
    if (change < -TOLERANCE_PERCENT) t.diagnostic('npm run bench -- baseline makes this the baseline');
    assert.ok(change <= TOLERANCE_PERCENT, `${message}; npm run bench -- baseline accepts it`);
  }
});
