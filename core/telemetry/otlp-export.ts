import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Context,
  type Tracer as OtelTracer,
} from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { ProtobufMetricsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Registry } from 'prom-client';
import { messageOf } from '../errors.ts';
import { OtlpSender } from './otlp-sender.ts';
import { createMetricProducer } from './registry-metrics.ts';
import type { Tracer } from './spans.ts';
import type { TelemetrySettings } from './telemetry.ts';

const METRICS_EVERY_MS = 30_000;
/** The maximum time for which an ending command waits for a collector. */
const CLOSE_WITHIN_MS = 1_000;

/** Starts exporting the spans of a tracer and the metrics of a registry. */
export function createExport(
  settings: TelemetrySettings & { readonly endpoint: string },
  service: string,
  registry: Registry,
): { readonly tracer: Tracer; close(): Promise<void> } {
  const resource = resourceFromAttributes({
    'service.name': settings.serviceName ?? `chartmogul-${service}`,
    'process.pid': process.pid,
  });
  const sender = new OtlpSender(settings);
  const traces = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(spanExporter(sender))],
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter(sender),
    exportIntervalMillis: METRICS_EVERY_MS,
    exportTimeoutMillis: METRICS_EVERY_MS,
    metricProducers: [createMetricProducer(registry, resource)],
  });
  const metrics = new MeterProvider({ resource, readers: [reader] });
  return {
    tracer: createTracer(traces.getTracer('chartmogul-clickhouse')),
    close: async () => {
      const timeout = new AbortController();
      const late = delay(CLOSE_WITHIN_MS, undefined, { signal: timeout.signal }).catch(() => undefined);
      const ended = Promise.allSettled([traces.shutdown(), metrics.shutdown()]);
      await Promise.race([ended, late]);
      timeout.abort();
      await sender.close();
    },
  };
}

function createTracer(tracer: OtelTracer): Tracer {
  const contexts = new AsyncLocalStorage<Context>();
  return {
    run: async (name, attributes, work) => {
      const parent = contexts.getStore() ?? ROOT_CONTEXT;
      const span = tracer.startSpan(name, { attributes }, parent);
      const fail = (error: unknown) =>
        void span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      const own = { set: (more: typeof attributes) => void span.setAttributes(more), fail };
      try {
        return await contexts.run(trace.setSpan(parent, span), () => work(own));
      } catch (error) {
        fail(error);
        throw error;
      } finally {
        span.end();
      }
    },
  };
}

function spanExporter(sender: OtlpSender): SpanExporter {
  return {
    export: (spans, done) => {
      sender.send('/v1/traces', ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array()).then(
        () => done({ code: ExportResultCode.SUCCESS }),
        () => done({ code: ExportResultCode.FAILED }),
      );
    },
    shutdown: () => Promise.resolve(),
  };
}

function metricExporter(sender: OtlpSender): PushMetricExporter {
  return {
    export: (metrics, done) => {
      sender
        .send('/v1/metrics', ProtobufMetricsSerializer.serializeRequest(metrics) ?? new Uint8Array())
        .then(
          () => done({ code: ExportResultCode.SUCCESS }),
          () => done({ code: ExportResultCode.FAILED }),
        );
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}
