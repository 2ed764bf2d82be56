import { withServices, type Turn } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { createInvoiceTopic, fillInvoiceTopic } from './invoice-topic.ts';
import type { BenchOptions } from './options.ts';
import { runContender, type Contender, type Pass } from './sink-contenders.ts';

const contenders: readonly Contender[] = ['ours', 'history', 'usual', 'kafka_engine', 'bare'];
const MEMORY_FACTOR = 5;

/**
 * Measures our sink (with and without a history), a hand-written sink, ClickHouse's own Kafka
 * engine and bare consumption. Returns the messages per second (median of the rounds), the ratios
 * of our sink to the others (median of the rounds' ratios), and our sink's peak memory. Unless
 * `--no-memory` is given, also measures the peak memory for five times as many messages.
 */
export async function benchSink(signal: AbortSignal, options: BenchOptions): Promise<object> {
  return withServices(signal, async (settings) => {
    const { messages, rounds } = options;
    const encoder = await createInvoiceTopic(settings, signal);
    const bytes = await fillInvoiceTopic(settings, encoder, { from: 0, to: messages }, signal);
    say(`${messages} messages of ${rounded(bytes)} bytes are in the topic`);

    const passes = new Map<Contender, Pass[]>(contenders.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      // Each round has a different order, so that a disturbance on the machine affects all
      // contenders alike.
      for (const name of rotated(contenders, round)) {
        const pass = await measured(name, { settings, database: `bench_${name}_${round}`, messages, signal });
        passes.get(name)?.push(pass);
      }
    }

    const ours = passes.get('ours') ?? [];
    const rss = { [labelOf(messages)]: rounded(Math.max(...ours.map(({ peakMb = NaN }) => peakMb))) };
    if (options.memory) {
      const more = messages * MEMORY_FACTOR;
      await fillInvoiceTopic(settings, encoder, { from: messages, to: more }, signal);
      say(`${more} messages are in the topic`);
      const last = await measured('ours', { settings, database: 'bench_memory', messages: more, signal });
      rss[labelOf(more)] = rounded(last.peakMb ?? NaN);
    }
    const rates = comparison(passes, messages);
    return { messages, rounds, bytes_per_message: rounded(bytes), ...rates, rss_mb: rss };
  });
}

async function measured(name: Contender, turn: Turn): Promise<Pass> {
  const pass = await runContender(name, turn);
  const memory = pass.peakMb === undefined ? '' : `, ${rounded(pass.peakMb)} MB of peak memory`;
  say(`${name}: ${rounded(turn.messages / pass.seconds)} messages/s, ${rounded(pass.seconds, 2)} s${memory}`);
  return pass;
}

function comparison(passes: ReadonlyMap<Contender, readonly Pass[]>, messages: number): object {
  const seconds = (name: Contender) => (passes.get(name) ?? []).map((pass) => pass.seconds);
  const rates = contenders.map((name) => [name, rounded(messages / median(seconds(name)))]);
  const ours = seconds('ours');
  const others = contenders.filter((name) => name !== 'ours');
  const ratios = others.map((name) => {
    const ofRounds = seconds(name).map((theirs, round) => theirs / (ours[round] ?? NaN));
    return [`ours_to_${name}`, rounded(median(ofRounds), 2)];
  });
  return {
    messages_per_second: Object.fromEntries(rates) as object,
    ratios: Object.fromEntries(ratios) as object,
  };
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function labelOf(messages: number): string {
  return `at_${messages / 1e6}m`;
}
