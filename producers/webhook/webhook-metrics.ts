import { Registry } from 'prom-client';
import { addMetric } from '../../core/metrics-server.ts';

/** Prometheus metrics of a receiver. */
export class WebhookMetrics {
  readonly registry = new Registry();
  readonly #responses = new Map<number, number>();
  #lastEventMs = 0;

  /** @param waiting returns the number of requests that are being received or stored. */
  constructor(waiting: () => number) {
    addMetric(this.registry, {
      kind: 'counter',
      name: 'chartmogul_webhook_responses_total',
      help: 'Responses by HTTP status: 200 stored, 422 dead letter, 503 Kafka or the registry is unavailable',
      labelNames: ['status'],
      samples: () =>
        [...this.#responses].map(([status, value]) => ({ labels: { status: String(status) }, value })),
    });
    this.#addGauge('waiting', 'Requests that are being received or stored', waiting);
    this.#addGauge(
      'last_event_timestamp_seconds',
      'When the last event was stored, as a Unix timestamp in seconds; 0 if not in this process',
      () => this.#lastEventMs / 1000,
    );
    for (const status of [200, 422, 503]) this.#responses.set(status, 0);
  }

  count(status: number): void {
    this.#responses.set(status, (this.#responses.get(status) ?? 0) + 1);
    if (status === 200) this.#lastEventMs = Date.now();
  }

  #addGauge(name: string, help: string, valueOf: () => number): void {
    addMetric(this.registry, {
      kind: 'gauge',
      name: `chartmogul_webhook_${name}`,
      help,
      labelNames: [],
      samples: () => [{ labels: {}, value: valueOf() }],
    });
  }
}
