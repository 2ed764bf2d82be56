import { loadSettings } from '../core/config.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { gatherStatus } from './status/gather-status.ts';
import { statusJson } from './status/status-json.ts';
import { statusText } from './status/status-text.ts';

const STANDARD_WIDTH = 80;

interface Options {
  readonly streams?: string;
  readonly json?: true;
}

await runMain(async (signal) => {
  const options = createCommand(
    'status',
    'Tells of each stream what is on its topic, how far the sink is, what its table holds, when it was produced last and how far, ' +
      'and what is set aside; then what of the configuration would lose data. Writes nothing.',
  )
    .option('--streams <a,b>', 'only these streams')
    .option('--json', 'as one JSON object')
    .parse()
    .opts<Options>();
  const settings = loadSettings();
  const wanted = options.streams?.split(',').map((name) => name.trim());
  const status = await gatherStatus(settings, wanted, signal);
  if (options.json === true) process.stdout.write(`${statusJson(status, settings)}\n`);
  else if (status.streams.length > 0 || status.failures.length === 0)
    // A terminal that does not know its size gives 0.
    process.stdout.write(`${statusText(status, process.stdout.columns || STANDARD_WIDTH)}\n`);
  for (const failure of status.failures) process.stderr.write(`${failure}\n`);
  return status.failures.length === 0 ? exitCodes.done : exitCodes.someWorkFailed;
});
