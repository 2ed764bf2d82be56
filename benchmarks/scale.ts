import { cpus } from 'node:os';
import { join } from 'node:path';
import { storageTableOf } from '../core/stream-name.ts';
import type { Settings } from '../core/settings/config.ts';
import { clickhouseService } from '../services/clickhouse.ts';
import type { BenchProcess } from './child-process.ts';
import { withServices, type Turn } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { FillingTable } from './filling-table.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';
import type { BenchOptions } from './options.ts';
import { withBrokers, type Brokers } from './own-brokers.ts';
import { cpuSeconds } from './process-cpu.ts';
import { isSinking, startSink, withDatabase } from './sink-contenders.ts';

const BROKERS = [1, 2, 3];
const SINKS = [1, 2, 4];
const PARTITIONS = 12;

interface Pass {
  readonly perSecond: number;
  /** CPU time per message, in µs, of all processes of each kind together. */
  readonly us: Readonly<Record<'sink' | 'kafka' | 'clickhouse', number>>;
}

/**
 * Measures the messages per second and the CPU time per message of one to four sinks that share a
 * topic, on clusters of one to three brokers. Efficiency is the CPU time per message with one sink
 * and one broker, divided by that of the measured combination. On a machine whose cores are busy,
 * additional processes cannot raise the rate, but they may use more CPU time per message.
 */
export async function benchScale(signal: AbortSignal, { messages, rounds }: BenchOptions): Promise<object> {
  return withServices(signal, async (services) => {
    const rows: object[] = [];
    let basis: number | undefined;
    for (const brokers of BROKERS) {
      await withBrokers(brokers, signal, async (cluster) => {
        const settings = onCluster(services, cluster);
        const encoder = await createInvoiceTopic(settings, signal);
        await fillInvoiceTopic(settings, encoder, { from: 0, to: messages }, signal);
        for (const sinks of SINKS) {
          const passes: Pass[] = [];
          for (let round = 0; round < rounds; round++) {
            const turn = { settings, database: `scale_${brokers}_${sinks}_${round}`, messages, signal };
            passes.push(await onePass(turn, sinks, cluster));
          }
          const us = (kind: keyof Pass['us']) => median(passes.map((pass) => pass.us[kind]));
          const total = us('sink') + us('kafka') + us('clickhouse');
          basis ??= total;
          const rates = passes.map(({ perSecond }) => perSecond);
          const row = {
            brokers,
            sinks,
            messages_per_second: rounded(median(rates)),
            min: rounded(Math.min(...rates)),
            max: rounded(Math.max(...rates)),
            us_per_message: {
              sink: rounded(us('sink'), 2),
              kafka: rounded(us('kafka'), 2),
              clickhouse: rounded(us('clickhouse'), 2),
            },
            efficiency: rounded(basis / total, 2),
          };
          say(JSON.stringify(row));
          rows.push(row);
        }
      });
    }
    return { messages, rounds, cores: cpus().length, rows };
  });
}

/**
 * Returns the settings for a cluster. Only the topics are on the cluster: the registry keeps its
 * schemas in the services' own broker.
 */
function onCluster(services: Settings, { addresses }: Brokers): Settings {
  const kafka = { ...services.kafka, brokers: addresses, topicPartitions: PARTITIONS };
  return { ...services, kafka, topicPrefix: `scale${addresses.length}.` };
}

async function onePass(turn: Turn, count: number, cluster: Brokers): Promise<Pass> {
  const { settings, messages, signal } = turn;
  const engines = clickhouseService(settings, join(settings.dataDir, 'services', 'clickhouse')).processes;
  const enginePids = engines.map((engine) => engine.pid() ?? 0);
  return withDatabase(turn, async (client) => {
    const table = new FillingTable(client, turn, storageTableOf(invoiceStream));
    const sinks: BenchProcess[] = [];
    try {
      for (let number = 0; number < count; number++) sinks.push(startSink(turn));
      // The time to start Node does not count: it exceeds the time for a small topic.
      const starts = sinks.map(async (sink) => {
        const atMs = await sink.said(isSinking, signal);
        return { atMs, sink: cpuOf([sink.pid]), kafka: cpuOf(cluster.pids), clickhouse: cpuOf(enginePids) };
      });
      const started = await Promise.all(starts);
      const first = started.reduce((least, start) => (start.atMs < least.atMs ? start : least));
      const endMs = await table.filled(sinks[0]);
      const perMessage = (seconds: number) => (seconds / messages) * 1e6;
      return {
        perSecond: messages / ((endMs - first.atMs) / 1000),
        us: {
          sink: perMessage(
            cpuOf(sinks.map(({ pid }) => pid)) - started.reduce((sum, { sink }) => sum + sink, 0),
          ),
          kafka: perMessage(cpuOf(cluster.pids) - first.kafka),
          clickhouse: perMessage(cpuOf(enginePids) - first.clickhouse),
        },
      };
    } finally {
      await Promise.all(sinks.map((sink) => sink.stop()));
    }
  });
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}
