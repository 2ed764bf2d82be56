import { loadSettings } from '../core/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { streams, type StreamSpec } from './chartmogul/streams.ts';
import { produce } from './produce.ts';
import { runSummary } from './run-summary.ts';
import { hasFailed } from './stream-counts.ts';

interface Options {
  readonly streams?: string;
}

await runMain(async (signal) => {
  const command = createCommand('produce', 'Reads every stream of ChartMogul once and sends it to Kafka.')
    .option('--streams <a,b>', `only these streams, of: ${streams.map(({ name }) => name).join(', ')}`)
    .parse();
  const specs = chooseStreams(command.opts<Options>().streams);
  const counts = await produce(loadSettings(), specs, signal);
  process.stdout.write(`${runSummary(counts)}\n`);
  return counts.some(hasFailed) ? exitCodes.someWorkFailed : exitCodes.done;
});

function chooseStreams(list: string | undefined): readonly StreamSpec[] {
  if (list === undefined) return streams;
  const names = list.split(',').map((name) => name.trim());
  return [...new Set(names)].map((name) => {
    const spec = streams.find((candidate) => candidate.name === name);
    if (spec !== undefined) return spec;
    throw new ConfigError(
      `--streams got "${name}", wants some of ${streams.map((stream) => stream.name).join(', ')}`,
    );
  });
}
