import assert from 'node:assert/strict';
import test from 'node:test';
import { childEnvironment } from '../../core/settings/child-environment.ts';
import { readBaseline } from '../../benchmarks/baseline.ts';
import { costNames, costOf, type CostName, type Costs, type Round } from '../../benchmarks/cost.ts';
import { startCommand } from '../helpers/command.ts';

const TOLERANCE_PERCENT = 15;
const MEASUREMENTS = 4;

test(`produce and sink exceed the baseline CPU time per record by at most ${TOLERANCE_PERCENT}%`, async (t) => {
  const baseline = readBaseline();
  const majorOf = (version: string) => version.split('.')[0];
  if (majorOf(baseline.node) !== majorOf(process.version)) {
    t.skip(`the baseline was measured with Node ${baseline.node}; this is ${process.version}`);
    return;
  }
  // Measures in a separate process, because the test runner's loader makes the code slower.
  const measure = async () => {
    const bench = startCommand(t, 'benchmarks/main.ts', ['costs'], childEnvironment());
    const { exitCode, stdout, stderr } = await bench.result;
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout) as Costs;
  };
  const rounds: Round[] = [];
  const changeOf = (name: CostName) => (costOf({ rounds }, name) / baseline.percentOfUsual[name] - 1) * 100;
  const isSlow = () => costNames.some((name) => changeOf(name) > TOLERANCE_PERCENT);
  // A busy machine scatters the rounds, so a bad result is confirmed by the median of more rounds.
  for (let number = 0; number < MEASUREMENTS && (number === 0 || isSlow()); number++)
    rounds.push(...(await measure()).rounds);
  for (const name of costNames) {
    const cost = costOf({ rounds }, name);
    const message =
      `${name} costs ${cost.toFixed(1)} % of the CPU time of the hand-written producer; ` +
      `the baseline is ${baseline.percentOfUsual[name]} %`;
    t.diagnostic(`${message} (${rounds.length} rounds)`);
    // A lower cost is not a failure, and differs more between machines.
    if (changeOf(name) < -TOLERANCE_PERCENT)
      t.diagnostic('npm run bench -- baseline makes this the baseline');
    assert.ok(changeOf(name) <= TOLERANCE_PERCENT, `${message}: npm run bench -- baseline accepts it`);
  }
});
