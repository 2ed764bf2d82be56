import { randomUUID } from 'node:crypto';
import { storageTableOf } from '../core/stream-name.ts';
import type { Settings } from '../core/settings/config.ts';
import { chooseStreams, knownStreams } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import { readBack } from '../producers/state/read-back.ts';
import { startSimulator, withServices } from './environment.ts';
import { rounded, say } from './figures.ts';
import { FillingTable } from './filling-table.ts';
import { furtherRecords, writeGrowth, type CurveName, type Pass } from './growth-results.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';
import { fillKeyedTopic } from './keyed-topic.ts';
import type { BenchOptions } from './options.ts';
import { CpuProbe, cpuSeconds, cpuUs } from './process-cpu.ts';
import { provenance } from './provenance.ts';
import { isSinking, measureChild, startEntry, startSink, withDatabase } from './sink-contenders.ts';

/** Numbers of records. The first pass serves only as the baseline for the next. */
const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
/** With more customers, the simulator would delay the benchmark by minutes. */
const MOST_CUSTOMERS = 1_000_000;
const NO_LIMIT = 10_000;

type Passes = Record<CurveName, Pass[]>;

/**
 * Measures how CPU time per record grows with the number of records, for `produce` (customers), for
 * its startup on a topic with that many keys, and for `sink` and `replay` (invoices). Writes the
 * figures and their curves into `benchmarks/results/`.
 */
export async function benchGrowth(signal: AbortSignal, { max }: BenchOptions): Promise<object> {
  const sizes = SIZES.filter((size) => size <= max);
  const passes: Passes = { produce_first: [], produce_unchanged: [], sink: [], replay: [], read_back: [] };
  const note = (name: CurveName, pass: Pass) => {
    passes[name].push(pass);
    say(`${name}: ${pass.records} records, ${rounded(pass.seconds, 2)} s, ${rounded(pass.cpu, 2)} s of CPU`);
  };
  // Each part has its own services, so that the disk holds the data of only one part at a time.
  await withServices(signal, (settings) => growProduce(settings, sizes, note, signal));
  await withServices(signal, (settings) => growReadBack(settings, sizes, note, signal));
  await withServices(signal, (settings) => growSink(settings, sizes, note, signal));
  const growth = { ...provenance(), passes };
  writeGrowth(growth);
  say('wrote benchmarks/results/growth.json and its curves');
  const further = Object.entries(passes).map(([name, all]) => [name, furtherRecords(all)]);
  return { ...growth, us_per_further_record: Object.fromEntries(further) as object };
}

type Note = (name: CurveName, pass: Pass) => void;

async function growProduce(services: Settings, sizes: readonly number[], note: Note, signal: AbortSignal) {
  for (const customers of sizes.filter((size) => size <= MOST_CUSTOMERS)) {
    const limits = ['--rate-limit', '0', '--connection-limit', '0'];
    const simulator = await startSimulator('--customers', String(customers), '--seed', '1', ...limits);
    const settings = {
      ...services,
      chartmogul: simulator.chartmogul(NO_LIMIT),
      topicPrefix: `growth${customers}.`,
    };
    try {
      for (const name of ['produce_first', 'produce_unchanged'] as const)
        note(name, await measured(() => produceCustomers(settings, signal)));
    } finally {
      await simulator.stop();
    }
  }
}

async function produceCustomers(settings: Settings, signal: AbortSignal): Promise<number> {
  const options = { run: randomUUID(), isFull: false, isMassDeleteAllowed: false };
  const counts = await produce(settings, chooseStreams(knownStreams(settings), 'customers'), signal, options);
  for (const { failure } of counts) if (failure !== undefined) throw failure;
  return counts.reduce((sum, { records }) => sum + records, 0);
}

async function growReadBack(services: Settings, sizes: readonly number[], note: Note, signal: AbortSignal) {
  const settings = { ...services, topicPrefix: 'keys.' };
  let filled = 0;
  for (const size of sizes) {
    // Half of the largest size adds a point to the curve.
    for (const keys of size === sizes.at(-1) ? [size / 2, size] : [size]) {
      await fillKeyedTopic(settings, 'customers', { from: filled, to: keys }, signal);
      filled = keys;
      note('read_back', await measured(() => readKeysBack(settings, signal)));
    }
  }
}

async function readKeysBack(settings: Settings, signal: AbortSignal): Promise<number> {
  const { streams } = await readBack(settings, ['customers'], signal);
  return streams.get('customers')?.keys.size ?? 0;
}

async function growSink(settings: Settings, sizes: readonly number[], noteAll: Note, signal: AbortSignal) {
  const encoder = await createInvoiceTopic(settings, signal);
  let filled = 0;
  for (const messages of sizes) {
    await fillInvoiceTopic(settings, encoder, { from: filled, to: messages }, signal);
    filled = messages;
    const turn = { settings, database: `growth_${messages}`, messages, signal };
    await withDatabase(turn, async (client) => {
      const table = new FillingTable(client, turn, storageTableOf(invoiceStream));
      const note = (name: CurveName, cpu: number, { seconds }: { seconds: number }) =>
        noteAll(name, { records: messages, cpu, seconds });
      let cpu = NaN;
      const sunk = await measureChild(turn, startSink(turn), isSinking, async (child) => {
        const endMs = await table.filled(child);
        cpu = cpuSeconds(child.pid);
        return endMs;
      });
      note('sink', cpu, sunk);
      const replay = startEntry('commands/replay.ts', turn, '--streams', invoiceStream);
      const probe = new CpuProbe(replay.pid);
      const isReplayed = (line: string) => line.includes('"msg":"replayed"');
      const replayed = await measureChild(turn, replay, isSinking, (child) => child.said(isReplayed, signal));
      note('replay', probe.stop(), replayed);
    });
  }
}

async function measured(work: () => Promise<number>): Promise<Pass> {
  const [startMs, startUs] = [performance.now(), cpuUs()];
  const records = await work();
  return { records, cpu: (cpuUs() - startUs) / 1e6, seconds: (performance.now() - startMs) / 1000 };
}
