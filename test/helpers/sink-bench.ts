import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { connectKafkajs } from './kafka-admin.ts';
import { sink } from '../../consumers/run/sink.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { Settings } from '../../core/settings/config.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import { freePort } from '../../services/local-address.ts';
import { createSettings } from './settings.ts';
import { rowsOf } from './table-rows.ts';
import { createProducer, messagesOf } from './topic.ts';
import { waitFor } from './wait-for.ts';

/** The maximum time for rows, a new topic or partition, or a changed metric to appear. */
export const READ_WITHIN_MS = 30_000;

/** A sink's services, input and metrics. */
export interface SinkBench {
  readonly settings: Settings;
  readonly admin: Awaited<ReturnType<typeof connectKafkajs>>;
  readonly send: (stream: string, from: number, to: number, partition?: number) => Promise<void>;
  readonly hasRows: (stream: string, count: number) => Promise<void>;
  /**
   * Returns the sum of a stream's metric over its labels. The sink listens on `port`, by default
   * METRICS_PORT.
   */
  readonly metric: (name: string, stream: string, port?: number) => Promise<number>;
}

/**
 * Creates a bench that sends plans to the topic of any stream.
 *
 * @param clickhouseUrl a server without a password; by default, the server that all tests share.
 */
export async function createSinkBench(t: TestContext, clickhouseUrl?: string): Promise<SinkBench> {
  const shared = { ...createSettings(t), metricsPort: await freePort() };
  const settings =
    clickhouseUrl === undefined
      ? shared
      : { ...shared, clickhouse: { ...shared.clickhouse, url: clickhouseUrl, credentials: undefined } };
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  return {
    settings,
    admin,
    send: async (stream, from, to, partition) => {
      // A new producer has no cached metadata, so it also finds partitions that were just added.
      const producer = await createProducer(t, settings);
      const records = Array.from({ length: to - from }, (_, index) => ({ uuid: `pl_${from + index}` }));
      const messages = await messagesOf(settings, stream, records, readStreamSchema('plans'));
      await producer.send({
        topic: topicOf(settings.topicPrefix, stream),
        messages: messages.map((message) => ({ ...message, ...(partition !== undefined && { partition }) })),
      });
    },
    hasRows: (stream, count) =>
      waitFor(
        `${count} rows of ${stream}`,
        async () => {
          const sql = `SELECT count() AS n FROM ${storageTableOf(stream)}`;
          const [row] = await rowsOf(settings, sql).catch(() => []);
          return Number(row?.['n'] ?? 0) === count;
        },
        READ_WITHIN_MS,
      ),
    metric: async (name, stream, port = settings.metricsPort) => {
      // A sink that starts slowly may not be listening yet.
      let answer: Response | undefined;
      const scrape = () => fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
      await waitFor('the metrics of the sink', async () => (answer = await scrape()) !== undefined);
      assert.ok(answer);
      const lines = (await answer.text()).split('\n');
      const own = lines.filter((line) => line.startsWith(`chartmogul_sink_${name}{stream="${stream}"`));
      assert.notEqual(own.length, 0, `no metric ${name} of ${stream}`);
      return own.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
}

/** Starts a sink in this process. */
export function startSink(
  t: TestContext,
  settings: Settings,
  streams: readonly string[] | undefined,
  untilCaughtUp = false,
) {
  const stop = new AbortController();
  const running = sink(settings, { streams, untilCaughtUp }, stop.signal);
  running.catch(() => {});
  t.after(() => stop.abort());
  return { running, stop: () => (stop.abort(), running) };
}
