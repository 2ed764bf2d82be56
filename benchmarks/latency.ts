import { createClickHouse, qualified } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';
import { StoppedError } from '../core/errors.ts';
import { storageTableOf } from '../core/stream-name.ts';
import type { BenchProcess } from './child-process.ts';
import { withServices } from './environment.ts';
import { percentile, rounded, say } from './figures.ts';
import { FillingTable } from './filling-table.ts';
import { InvoiceFlow } from './invoice-flow.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream } from './invoice-topic.ts';
import type { BenchOptions } from './options.ts';
import { isSinking, startSink } from './sink-contenders.ts';
import { VisibleRows } from './visible-rows.ts';

const PER_SECOND = 1_000;
const DATABASE = 'bench_latency';
/** Number of the flow's first message. Message 0 creates the table. */
const FLOW_FROM = 1;

/**
 * Measures the time in ms from the producer's `send` call until the message is visible as a row,
 * with the sink's default settings and a steady flow of messages. The flow starts once a first
 * message is visible, so the time to create the table does not count.
 */
export async function benchLatency(signal: AbortSignal, { seconds }: BenchOptions): Promise<object> {
  return withServices(signal, async (settings) => {
    const encoder = await createInvoiceTopic(settings, signal);
    const sink = startSink({ settings, database: DATABASE });
    try {
      await sink.said(isSinking, signal);
      await fillInvoiceTopic(settings, encoder, { from: 0, to: FLOW_FROM }, signal);
      await firstRow(settings, sink, signal);
      say(`sending ${PER_SECOND} messages a second for ${seconds} s`);
      const flow = new InvoiceFlow(settings, encoder, { from: FLOW_FROM, perSecond: PER_SECOND, seconds });
      const latencies = await watched(settings, flow, sink, signal);
      const at = (percent: number) => rounded(percentile(latencies, percent));
      const latencyMs = { p50: at(50), p90: at(90), p99: at(99), max: at(100) };
      return { messages: latencies.length, seconds, latency_ms: latencyMs };
    } finally {
      await sink.stop();
    }
  });
}

async function firstRow(settings: Settings, sink: BenchProcess, signal: AbortSignal): Promise<void> {
  const client = createClickHouse(settings.clickhouse);
  const table = new FillingTable(
    client,
    { settings, database: DATABASE, messages: FLOW_FROM, signal },
    storageTableOf(invoiceStream),
  );
  await table.filled(sink).finally(() => client.close());
}

async function watched(
  settings: Settings,
  flow: InvoiceFlow,
  sink: BenchProcess,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const client = createClickHouse(settings.clickhouse);
  const rows = new VisibleRows(client, settings, qualified(DATABASE, storageTableOf(invoiceStream)));
  // If either side fails, the other one stops.
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const both = [flow.send(either), rows.watch(flow, () => sink.requireRunning(), either)];
  try {
    await Promise.all(both);
    return await rows.latencies(flow, signal);
  } finally {
    failure.abort(new StoppedError('the benchmark has failed'));
    await Promise.allSettled(both);
    await client.close();
  }
}
