import { devNull } from 'node:os';
import { loadSettings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { consumeInvoices, DONE } from './worker-consumer.ts';

// A contender in the `sink` benchmark. It fetches all messages and only counts them.
await runMain(async (signal) => {
  const { messages } = createCommand('bench', "Consumes and counts the benchmark's invoices.")
    .requiredOption('--messages <n>', 'number of messages in the topic', Number)
    .parse()
    .opts<{ messages: number }>();
  let consumed = 0;
  const count = ({ batch }: { batch: { messages: readonly unknown[] } }) => {
    consumed += batch.messages.length;
    if (consumed === messages) process.stdout.write(`${DONE}\n`);
    return Promise.resolve();
  };
  await consumeInvoices(loadSettings(undefined, devNull), count, signal);
  return exitCodes.done;
});
