import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { storageTableOf } from '../core/stream-name.ts';
import { withServices, type Turn } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { FillingTable } from './filling-table.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';
import { MemoryProbe } from './memory-probe.ts';
import type { BenchOptions } from './options.ts';
import { startPostgres, tableBytes, type OwnPostgres } from './own-postgres.ts';
import { startEntry, startSink, withDatabase } from './sink-contenders.ts';

const DATABASE = 'bench_export';

interface ExportPass {
  /** Seconds from the start of the process to its end. */
  readonly seconds: number;
  readonly bytes: number;
  /** Peak resident memory of the process. */
  readonly peakMb: number;
}

/**
 * Measures `export` of one table to each target, each in a separate process: rows per second and
 * seconds (median of the rounds), the size of the files or tables, and the peak resident memory.
 */
export async function benchExport(signal: AbortSignal, { rows, rounds }: BenchOptions): Promise<object> {
  return withServices(signal, async (settings) => {
    const encoder = await createInvoiceTopic(settings, signal);
    await fillInvoiceTopic(settings, encoder, { from: 0, to: rows }, signal);
    const turn = { settings, database: DATABASE, messages: rows, signal };
    return withDatabase(turn, async (client) => {
      const sink = startSink(turn);
      try {
        await new FillingTable(client, turn, storageTableOf(invoiceStream)).filled(sink);
      } finally {
        await sink.stop();
      }
      say(`${rows} rows are in the table`);
      return { rows, rounds, ...(await measuredTargets(turn, rounds)) };
    });
  });
}

async function measuredTargets(turn: Turn, rounds: number): Promise<object> {
  const postgres = await startPostgres();
  if (postgres === undefined) say('postgres: skipped, because PostgreSQL is not installed');
  try {
    const targets = targetsOf(turn.settings.dataDir, postgres);
    const passes = new Map<string, ExportPass[]>();
    for (let round = 0; round < rounds; round++) {
      for (const target of targets) {
        const pass = await measured(turn, target);
        passes.set(target.name, [...(passes.get(target.name) ?? []), pass]);
      }
    }
    return Object.fromEntries([...passes].map(([name, ofTarget]) => [name, summary(turn, ofTarget)]));
  } finally {
    await postgres?.stop();
  }
}

interface BenchTarget {
  readonly name: string;
  readonly to: string;
  readonly bytes: () => number | Promise<number>;
}

function targetsOf(folder: string, postgres: OwnPostgres | undefined): BenchTarget[] {
  const inFolder = (name: string) => {
    const path = join(folder, `export-${name}`);
    return { name, to: `${name}:${path}`, bytes: () => takenBytes(path) };
  };
  const files = ['parquet', 'csv', 'duckdb'].map(inFolder);
  if (postgres === undefined) return files;
  return [...files, { name: 'postgres', to: postgres.url, bytes: () => tableBytes(postgres) }];
}

/** Returns the size of a file or of all files in a folder, and removes the file or folder. */
function takenBytes(path: string): number {
  const isFolder = statSync(path).isDirectory();
  const files = isFolder ? readdirSync(path).map((name) => join(path, name)) : [path];
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  rmSync(path, { recursive: true });
  return bytes;
}

async function measured(turn: Turn, { name, to, bytes }: BenchTarget): Promise<ExportPass> {
  const { messages: rows, signal } = turn;
  const startMs = performance.now();
  const child = startEntry('commands/export.ts', turn, '--streams', invoiceStream, '--to', to);
  const memory = new MemoryProbe(child.pid);
  try {
    await child.said((line) => line.includes(`${rows.toLocaleString('en-US')} rows`), signal);
    const seconds = ((await child.finished(signal)) - startMs) / 1000;
    const pass = { seconds, bytes: await bytes(), peakMb: memory.stop() };
    say(
      `${name}: ${rounded(rows / seconds)} rows/s, ${rounded(seconds, 2)} s, ${rounded(pass.bytes / 1e6)} MB, ${rounded(pass.peakMb)} MB of peak memory`,
    );
    return pass;
  } finally {
    memory.stop();
    await child.stop();
  }
}

function summary({ messages: rows }: Turn, passes: readonly ExportPass[]): object {
  const seconds = median(passes.map((pass) => pass.seconds));
  return {
    rows_per_second: rounded(rows / seconds),
    seconds: rounded(seconds, 2),
    bytes: median(passes.map(({ bytes }) => bytes)),
    rss_mb: rounded(Math.max(...passes.map(({ peakMb }) => peakMb))),
  };
}
