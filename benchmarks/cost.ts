import { randomUUID } from 'node:crypto';
import { sink } from '../consumers/run/sink.ts';
import { createClickHouse, quoted } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';
import { chooseStreams, knownStreams } from '../producers/chartmogul/known-streams.ts';
import { produce } from '../producers/run/produce.ts';
import { calibrationUs, cpuUs } from './calibration.ts';
import { startSimulator } from './environment.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';

const CUSTOMERS = 1_500;
const STREAMS = 'customers,invoices,subscription_events,contacts,opportunities,tasks,plans';
const MESSAGES = 300_000;
const NO_LIMIT = 10_000;
const ROUNDS = 4;
/** Number of passes per round. A short pass is more easily disturbed, so it has more of them. */
const PASSES = { produce_first: 1, produce_unchanged: 3, sink: 2 } as const;

export const costNames = ['produce_first', 'produce_unchanged', 'sink'] as const;
export type CostName = (typeof costNames)[number];

export interface Costs {
  /** CPU time per record, in µs: the lowest of all rounds. */
  readonly us: Readonly<Record<CostName, number>>;
  /** CPU time of one unit of the calibration's fixed work, in µs. */
  readonly calibrationUs: number;
}

/** The CPU time of one record in units of the calibration, times a thousand. */
export function relativeCost({ us, calibrationUs }: Costs, name: CostName): number {
  return (us[name] / calibrationUs) * 1000;
}

/** Returns the lower of both values for each figure. */
export function leastOf(a: Costs, b: Costs): Costs {
  const least = (name: CostName) => Math.min(a.us[name], b.us[name]);
  return {
    us: {
      produce_first: least('produce_first'),
      produce_unchanged: least('produce_unchanged'),
      sink: least('sink'),
    },
    calibrationUs: Math.min(a.calibrationUs, b.calibrationUs),
  };
}

/**
 * Measures the CPU time of this process: per record for a first and for an unchanged run of
 * `produce`, and per message for `sink`. Takes the lowest of several rounds, because other work on
 * the machine can only increase it.
 */
export async function measureCosts(services: Settings, signal: AbortSignal): Promise<Costs> {
  const simulator = await startSimulator(
    ...['--customers', String(CUSTOMERS), '--seed', '1', '--rate-limit', '0', '--connection-limit', '0'],
  );
  try {
    const settings = { ...services, chartmogul: simulator.chartmogul(NO_LIMIT) };
    const encoder = await createInvoiceTopic(settings, signal);
    await fillInvoiceTopic(settings, encoder, { from: 0, to: MESSAGES }, signal);
    const least = { produce_first: Infinity, produce_unchanged: Infinity, sink: Infinity };
    let unitUs = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      const own = { ...settings, topicPrefix: `${settings.topicPrefix}cost${round}.` };
      const passes = {
        produce_first: () => produceCost(own, signal),
        produce_unchanged: () => produceCost(own, signal),
        sink: () => sinkCost(settings, signal),
      };
      for (const name of costNames) {
        unitUs = Math.min(unitUs, calibrationUs());
        for (let pass = 0; pass < PASSES[name]; pass++)
          least[name] = Math.min(least[name], await passes[name]());
      }
    }
    return { us: least, calibrationUs: unitUs };
  } finally {
    await simulator.stop();
  }
}

/** @throws the failure of the first failed stream: the figures of a partial run are meaningless. */
async function produceCost(settings: Settings, signal: AbortSignal): Promise<number> {
  const specs = chooseStreams(knownStreams(settings), STREAMS);
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
