import { Partitioners } from 'kafkajs';
import type { Settings } from '../core/settings/config.ts';
import { createKafka } from '../core/kafka/client.ts';
import { topicOf } from '../core/stream-name.ts';
import { pause } from './environment.ts';
import { invoiceStream, type InvoiceEncoder } from './invoice-topic.ts';

const TICK_MS = 10;

/**
 * A steady flow of invoices. The date of an invoice is the time at which it was passed to the
 * producer.
 */
export class InvoiceFlow {
  readonly #settings: Settings;
  readonly #encoder: InvoiceEncoder;
  readonly #ticks: number;
  readonly #perTick: number;
  /** The number of the first invoice. */
  readonly from: number;
  /**
   * The number of the next invoice. It equals the number of messages sent so far, including those
   * sent before the flow.
   */
  sent: number;
  /**
   * The time, from `performance.now()`, at which Kafka had acknowledged all invoices; undefined
   * until then.
   */
  endMs: number | undefined;

  constructor(
    settings: Settings,
    encoder: InvoiceEncoder,
    {
      from,
      perSecond,
      seconds,
    }: { readonly from: number; readonly perSecond: number; readonly seconds: number },
  ) {
    this.from = from;
    this.sent = from;
    this.#settings = settings;
    this.#encoder = encoder;
    this.#ticks = (seconds * 1000) / TICK_MS;
    this.#perTick = (perSecond * TICK_MS) / 1000;
  }

  /**
   * Sends each batch without waiting for earlier ones. Resolves once Kafka has acknowledged all.
   */
  async send(signal: AbortSignal): Promise<void> {
    const producer = createKafka(this.#settings.kafka, 'bench').producer({
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    const topic = topicOf(this.#settings.topicPrefix, invoiceStream);
    const sends: Promise<unknown>[] = [];
    await producer.connect();
    try {
      const startMs = performance.now();
      for (let tick = 0; tick < this.#ticks; tick++) {
        const earlyMs = startMs + tick * TICK_MS - performance.now();
        // If the flow is behind schedule, it sends without pausing until it has caught up.
        if (earlyMs > 0) await pause(earlyMs, signal);
        const nowMs = Date.now();
        const messages = Array.from({ length: this.#perTick }, () =>
          this.#encoder.message(this.sent++, nowMs),
        );
        sends.push(producer.send({ topic, messages }));
      }
      await Promise.all(sends);
      this.endMs = performance.now();
    } finally {
      await Promise.allSettled(sends);
      await producer.disconnect();
    }
  }
}
