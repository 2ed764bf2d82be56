import { readFileSync, writeFileSync } from 'node:fs';
import { costOf, measureCosts, type CostName, type Costs } from './cost.ts';
import { withServices } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { provenance, type Provenance } from './provenance.ts';

const file = new URL('results/cost.json', import.meta.url);
/**
 * A baseline combines the rounds of several measurements, because every test run is compared with
 * it.
 */
const MEASUREMENTS = 3;

/** The costs with which `test/slow/cost.test.ts` compares its own. */
export interface Baseline extends Provenance {
  /** The medians of all rounds, in the unit of `Round`. */
  readonly percentOfUsual: Readonly<Record<CostName, number>>;
  /** The hand-written producer's CPU time per record, in µs. */
  readonly usualUs: number;
}

/** Measures the CPU costs of `produce` and `sink`. */
export async function benchCosts(signal: AbortSignal): Promise<Baseline & Costs> {
  return withServices(signal, async (settings) => {
    const costs = await measureCosts(settings, signal);
    return { ...provenance(), percentOfUsual: medians(costs), ...costs };
  });
}

/** Measures the CPU costs of `produce` and `sink`, and writes them as the baseline for the test. */
export async function benchBaseline(signal: AbortSignal): Promise<object> {
  const all: Costs[] = [];
  for (let number = 0; number < MEASUREMENTS; number++) all.push(await benchCosts(signal));
  const rounds = all.flatMap((costs) => costs.rounds);
  const usualUs = rounded(median(all.map((costs) => costs.usualUs)), 1);
  const baseline: Baseline = { ...provenance(), percentOfUsual: medians({ rounds }), usualUs };
  writeFileSync(file, `${JSON.stringify(baseline, undefined, 2)}\n`);
  say('wrote benchmarks/results/cost.json');
  return { ...baseline, rounds };
}

function medians(costs: Pick<Costs, 'rounds'>): Baseline['percentOfUsual'] {
  const of = (name: CostName) => rounded(costOf(costs, name), 2);
  return { produce_first: of('produce_first'), produce_unchanged: of('produce_unchanged'), sink: of('sink') };
}

export function readBaseline(): Baseline {
  return JSON.parse(readFileSync(file, 'utf8')) as Baseline;
}
