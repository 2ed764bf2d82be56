import { createClickHouse, quoted, type ClickHouseClient } from '../core/clickhouse/client.ts';
import { storageTableOf } from '../core/stream-name.ts';
import { BenchProcess } from './child-process.ts';
import { environmentOf, type Turn } from './environment.ts';
import { FillingTable } from './filling-table.ts';
import { invoiceStream } from './invoice-topic.ts';
import { KafkaEngine } from './kafka-engine.ts';
import { MemoryProbe } from './memory-probe.ts';
import { DONE, READY } from './worker-consumer.ts';

export type Contender = 'ours' | 'history' | 'usual' | 'kafka_engine' | 'bare';

export interface Pass {
  /**
   * Seconds from partition assignment until every row is visible, or, for `bare`, until every
   * message is consumed.
   */
  readonly seconds: number;
  /**
   * Peak resident memory of the process in MB; undefined for a contender without its own process.
   */
  readonly peakMb?: number;
}

export function runContender(contender: Contender, turn: Turn): Promise<Pass> {
  return withDatabase(turn, (client) => contenders[contender](turn, client));
}

export async function withDatabase<T>(
  { settings, database }: Turn,
  work: (client: ClickHouseClient) => Promise<T>,
): Promise<T> {
  const client = createClickHouse(settings.clickhouse);
  try {
    await client.command({ query: `CREATE DATABASE ${quoted(database)}` });
    return await work(client);
  } finally {
    await client.command({ query: `DROP DATABASE IF EXISTS ${quoted(database)} SYNC` });
    await client.close();
  }
}

const contenders: Record<Contender, (turn: Turn, client: ClickHouseClient) => Promise<Pass>> = {
  ours: (turn, client) => {
    const table = new FillingTable(client, turn, storageTableOf(invoiceStream));
    return measureChild(turn, startSink(turn), isSinking, (child) => table.filled(child));
  },

  history: (turn, client) => {
    const table = new FillingTable(client, turn, storageTableOf(invoiceStream));
    const clickhouse = { ...turn.settings.clickhouse, historyStreams: [invoiceStream] };
    const kept = { ...turn, settings: { ...turn.settings, clickhouse } };
    return measureChild(turn, startSink(kept), isSinking, (child) => table.filled(child));
  },

  usual: (turn, client) => {
    const table = new FillingTable(client, turn, 'invoices');
    const child = startEntry('benchmarks/usual-sink.ts', turn);
    return measureChild(turn, child, isReady, () => table.filled(child));
  },

  bare: (turn) => {
    const child = startEntry('benchmarks/bare-consumer.ts', turn, '--messages', String(turn.messages));
    return measureChild(turn, child, isReady, () => child.said((line) => line === DONE, turn.signal));
  },

  kafka_engine: async (turn, client) => {
    const engine = new KafkaEngine(client, turn.settings, turn.database);
    const table = new FillingTable(client, turn, 'invoices');
    try {
      await engine.create();
      await engine.start(turn.signal);
      const startMs = performance.now();
      return { seconds: ((await table.filled()) - startMs) / 1000 };
    } finally {
      await engine.stop();
    }
  },
};

export function startSink(turn: Pick<Turn, 'settings' | 'database'>): BenchProcess {
  return startEntry('commands/sink.ts', turn, '--streams', invoiceStream);
}

export function startEntry(
  entry: string,
  { settings, database }: Pick<Turn, 'settings' | 'database'>,
  ...args: readonly string[]
): BenchProcess {
  return new BenchProcess(entry, args, environmentOf(settings, database), settings.dataDir);
}

export function isSinking(line: string): boolean {
  return line.includes('"msg":"consuming topics"');
}

const isReady = (line: string) => line === READY;

/**
 * Measures the seconds from the line that `isStart` accepts to the time that `done` returns, and
 * the peak memory of the child. Stops the child afterwards.
 */
export async function measureChild(
  { signal }: Pick<Turn, 'signal'>,
  child: BenchProcess,
  isStart: (line: string) => boolean,
  done: (child: BenchProcess) => Promise<number>,
): Promise<Pass> {
  const memory = new MemoryProbe(child.pid);
  try {
    const startMs = await child.said(isStart, signal);
    const endMs = await done(child);
    return { seconds: (endMs - startMs) / 1000, peakMb: memory.stop() };
  } finally {
    memory.stop();
    await child.stop();
  }
}
