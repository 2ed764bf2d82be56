import { storageTableOf } from '../core/stream-name.ts';
import { withServices, type Turn } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { FillingTable } from './filling-table.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';
import type { BenchOptions } from './options.ts';
import {
  measureChild,
  isSinking,
  startEntry,
  startSink,
  withDatabase,
  type Pass,
} from './sink-contenders.ts';

/**
 * Measures the messages per second of a sink that fills a table, and of a replay that rebuilds the
 * table. Each measurement begins when the consumer has its partitions. The measurement of the
 * replay ends when readers see the new table.
 */
export async function benchReplay(signal: AbortSignal, { messages, rounds }: BenchOptions): Promise<object> {
  return withServices(signal, async (settings) => {
    const encoder = await createInvoiceTopic(settings, signal);
    const bytes = await fillInvoiceTopic(settings, encoder, { from: 0, to: messages }, signal);
    say(`${messages} messages of ${rounded(bytes)} bytes are in the topic`);
    const passes: { sink: Pass; replay: Pass }[] = [];
    for (let round = 0; round < rounds; round++)
      passes.push(await oneRound({ settings, database: `bench_replay_${round}`, messages, signal }));
    const ratios = passes.map(({ sink, replay }) => sink.seconds / replay.seconds);
    const rateOf = (name: 'sink' | 'replay') => messages / median(passes.map((pass) => pass[name].seconds));
    return {
      messages,
      rounds,
      messages_per_second: { sink: rounded(rateOf('sink')), replay: rounded(rateOf('replay')) },
      ratios: { replay_to_sink: rounded(median(ratios), 2) },
      rss_mb: { replay: rounded(Math.max(...passes.map(({ replay }) => replay.peakMb ?? NaN))) },
    };
  });
}

function oneRound(turn: Turn): Promise<{ sink: Pass; replay: Pass }> {
  const { messages, signal } = turn;
  return withDatabase(turn, async (client) => {
    const table = new FillingTable(client, turn, storageTableOf(invoiceStream));
    const sink = await measureChild(turn, startSink(turn), isSinking, (child) => table.filled(child));
    say(`sink: ${rounded(messages / sink.seconds)} messages/s, ${rounded(sink.seconds, 2)} s`);
    const replayProcess = startEntry('commands/replay.ts', turn, '--streams', invoiceStream);
    const replay = await measureChild(turn, replayProcess, isSinking, async (child) => {
      const replayedMs = await child.said((line) => line.includes('"msg":"replayed"'), signal);
      await table.filled();
      return replayedMs;
    });
    say(`replay: ${rounded(messages / replay.seconds)} messages/s, ${rounded(replay.seconds, 2)} s`);
    return { sink, replay };
  });
}
