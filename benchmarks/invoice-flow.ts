import { Partitioners } from 'kafkajs';
import type { Settings } from '../core/settings/config.ts';
import { createKafka } from '../core/kafka/client.ts';
import { topicOf } from '../core/stream-name.ts';
import { pause } from './environment.ts';
import { invoiceStream, type InvoiceEncoder } from './invoice-topic.ts';

const TICK_MS = 10;

/** An even flow of invoices. The date of each is the time at which the producer received it. */
export class InvoiceFlow {
  readonly #settings: Settings;
  readonly #encoder: InvoiceEncoder;
  readonly #ticks: number;
  readonly #perTick: number;
  /** The number of the first invoice. */
  readonly from: number;
  /** The number of the next invoice, which is that of all sent ones, earlier ones included. */
  sent: number;
  /** When Kafka had acknowledged all, by `performance.now()`; undefined before. */
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

  /** Sends all without waiting for earlier ones; returns once Kafka has acknowledged them. */
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
        // A late invoice is sent at once, and so are those after it.
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
