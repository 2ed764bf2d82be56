import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { notOneOf } from '../core/settings/setting-values.ts';
import { benchBaseline, benchCosts } from './baseline.ts';
import { benchEndToEnd } from './end-to-end.ts';
import { benchExport } from './export.ts';
import { benchGrowth } from './growth.ts';
import { benchLatency } from './latency.ts';
import { benchLimits } from './limits.ts';
import { withBenchOptions, type BenchOptions } from './options.ts';
import { benchParts } from './parts.ts';
import { benchProduce } from './produce.ts';
import { benchReplay } from './replay.ts';
import { benchScale } from './scale.ts';
import { benchSink } from './sink.ts';

const benchmarks = {
  produce: benchProduce,
  sink: benchSink,
  parts: benchParts,
  latency: benchLatency,
  replay: benchReplay,
  export: benchExport,
  costs: benchCosts,
  baseline: benchBaseline,
  growth: benchGrowth,
  scale: benchScale,
  'end-to-end': benchEndToEnd,
  limits: benchLimits,
};

await runMain(async (signal) => {
  const description =
    'Runs a benchmark on this machine with its own services. The last line of the output is JSON.';
  const names = Object.keys(benchmarks).join(', ');
  const command = createCommand('bench', description).argument('<name>', `one of: ${names}`);
  withBenchOptions(command).parse();
  const [name = ''] = command.args;
  const [, bench] = Object.entries(benchmarks).find(([known]) => known === name) ?? [];
  if (bench === undefined) throw notOneOf('the benchmark', name, Object.keys(benchmarks));
  const figures = await bench(signal, command.opts<BenchOptions>());
  process.stdout.write(`${JSON.stringify({ benchmark: name, ...figures })}\n`);
  return exitCodes.done;
});
