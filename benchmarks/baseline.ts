import { readFileSync, writeFileSync } from 'node:fs';
import { costNames, measureCosts, type Costs } from './cost.ts';
import { withServices } from './environment.ts';
import { rounded, say } from './figures.ts';
import { provenance, type Provenance } from './provenance.ts';

const file = new URL('results/cost.json', import.meta.url);

/** The costs that `test/slow/cost.test.ts` allows. */
export type Baseline = Costs & Provenance;

/** Measures the CPU costs of `produce` and `sink`. */
export async function benchCosts(signal: AbortSignal): Promise<object> {
  return withServices(signal, async (settings) => {
    const { us, calibrationUs } = await measureCosts(settings, signal);
    const perRecord = Object.fromEntries(costNames.map((name) => [name, rounded(us[name], 3)]));
    return { ...provenance(), us: perRecord, calibrationUs: rounded(calibrationUs, 2) };
  });
}

/** Writes the CPU costs of `produce` and `sink` as the baseline of the test. */
export async function benchBaseline(signal: AbortSignal): Promise<object> {
  const baseline = await benchCosts(signal);
  writeFileSync(file, `${JSON.stringify(baseline, undefined, 2)}\n`);
  say('benchmarks/results/cost.json is written');
  return baseline;
}

export function readBaseline(): Baseline {
  return JSON.parse(readFileSync(file, 'utf8')) as Baseline;
}
