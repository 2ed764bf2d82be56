import { randomUUID } from 'node:crypto';
import { sink } from '../consumers/run/sink.ts';
import { createClickHouse, quoted } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';
import { chooseStreams, knownStreams } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import { startSimulator } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';
import { cpuUs } from './process-cpu.ts';
import { benchStreams, createUsualTopics, usualProducer } from './usual-producer.ts';

const CUSTOMERS = 1_500;
const MESSAGES = 300_000;
const NO_LIMIT = 10_000;
/** The first round compiles the code and is not counted. */
const ROUNDS = 1 + 8;
/** Number of passes per round. Short passes vary more, so a round takes their mean. */
const PASSES = { produce_first: 1, produce_unchanged: 2, sink: 2 } as const;

export const costNames = ['produce_first', 'produce_unchanged', 'sink'] as const;
export type CostName = (typeof costNames)[number];

/** CPU time per record, in percent of the hand-written producer's CPU time in the same round. */
export type Round = Readonly<Record<CostName, number>>;

export interface Costs {
  readonly rounds: readonly Round[];
  /** The hand-written producer's CPU time per record in µs: the median of all rounds. */
  readonly usualUs: number;
}

/** Returns the median of all rounds. */
export function costOf({ rounds }: Pick<Costs, 'rounds'>, name: CostName): number {
  return median(rounds.map((round) => round[name]));
}

/**
 * Measures the CPU time of this process: per record for a first run of `produce` and for a run in
 * which nothing has changed, and per message for `sink`. Each round compares them with the mean of
 * two runs of a hand-written producer, one before and one after them. The pipeline and the
 * hand-written producer use the same services and spend their time in similar ways, so a different
 * processor or a busy machine has little effect on the ratio.
 */
export async function measureCosts(services: Settings, signal: AbortSignal): Promise<Costs> {
  const simulator = await startSimulator(
    ...['--customers', String(CUSTOMERS), '--seed', '1', '--rate-limit', '0', '--connection-limit', '0'],
  );
  try {
    const settings = { ...services, chartmogul: simulator.chartmogul(NO_LIMIT) };
    const encoder = await createInvoiceTopic(settings, signal);
    await fillInvoiceTopic(settings, encoder, { from: 0, to: MESSAGES }, signal);
    const rounds: Round[] = [];
    const usual: number[] = [];
    for (let number = 0; number < ROUNDS; number++) {
      const prefix = `${settings.topicPrefix}cost${number}.`;
      const own = { ...settings, topicPrefix: prefix };
      const before = await usualCost({ ...settings, topicPrefix: `${prefix}before.` }, signal);
      const us = {
        produce_first: await meanOf(PASSES.produce_first, () => produceCost(own, signal)),
        produce_unchanged: await meanOf(PASSES.produce_unchanged, () => produceCost(own, signal)),
        sink: await meanOf(PASSES.sink, () => sinkCost(settings, signal)),
      };
      const after = await usualCost({ ...settings, topicPrefix: `${prefix}after.` }, signal);
      if (number === 0) continue;
      const usualUs = (before + after) / 2;
      const percent = (cost: number) => rounded((cost / usualUs) * 100, 2);
      const round = {
        produce_first: percent(us.produce_first),
        produce_unchanged: percent(us.produce_unchanged),
        sink: percent(us.sink),
      };
      say(`round ${number}: ${JSON.stringify(round)} % of ${rounded(usualUs, 1)} µs`);
      rounds.push(round);
      usual.push(usualUs);
    }
    return { rounds, usualUs: rounded(median(usual), 1) };
  } finally {
    await simulator.stop();
  }
}

async function meanOf(passes: number, cost: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) sum += await cost();
  return sum / passes;
}

async function usualCost(settings: Settings, signal: AbortSignal): Promise<number> {
  await createUsualTopics(settings, signal);
  const startUs = cpuUs();
  const records = await usualProducer(settings);
  return (cpuUs() - startUs) / records;
}

/** @throws the failure of the first failed stream: the figures of a partial run are meaningless. */
async function produceCost(settings: Settings, signal: AbortSignal): Promise<number> {
  const specs = chooseStreams(knownStreams(settings), benchStreams);
  const options = { run: randomUUID(), isFull: false, isMassDeleteAllowed: false };
  const startUs = cpuUs();
  const counts = await produce(settings, specs, signal, options);
  const us = cpuUs() - startUs;
  for (const { failure } of counts) if (failure !== undefined) throw failure;
  return us / counts.reduce((sum, { records }) => sum + records, 0);
}

async function sinkCost(services: Settings, signal: AbortSignal): Promise<number> {
  const database = `${services.clickhouse.database}_cost_${randomUUID().slice(0, 8)}`;
  const settings = { ...services, clickhouse: { ...services.clickhouse, database } };
  const client = createClickHouse(settings.clickhouse);
  try {
    const startUs = cpuUs();
    await sink(settings, { streams: [invoiceStream], untilCaughtUp: true }, signal);
    return (cpuUs() - startUs) / MESSAGES;
  } finally {
    await client.command({ query: `DROP DATABASE IF EXISTS ${quoted(database)} SYNC` });
    await client.close();
  }
}
