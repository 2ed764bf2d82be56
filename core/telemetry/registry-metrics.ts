import { ValueType, type HrTime } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type CollectionResult,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import {
  collectDefaultMetrics,
  type MetricObjectWithValues,
  type MetricValue,
  type Registry,
} from 'prom-client';

/** A metric that every registry with process metrics contains. */
const DEFAULT_METRIC = 'process_resident_memory_bytes';

/**
 * Returns a producer of the same counters and gauges that Prometheus scrapes, including process
 * metrics.
 */
export function createMetricProducer(registry: Registry, resource: Resource): MetricProducer {
  if (registry.getSingleMetric(DEFAULT_METRIC) === undefined) collectDefaultMetrics({ register: registry });
  const startTime = hrTime(Date.now());
  return {
    collect: async (): Promise<CollectionResult> => {
      const found: MetricObjectWithValues<MetricValue<string>>[] = await registry.getMetricsAsJSON();
      const endTime = hrTime(Date.now());
      const metrics = found.flatMap((metric) => metricData(metric, startTime, endTime) ?? []);
      const scope = { name: 'chartmogul-clickhouse' };
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    },
  };
}

/** Returns undefined for histograms and summaries: only Node's own metrics have these types. */
function metricData(
  { name, help, type, values }: MetricObjectWithValues<MetricValue<string>>,
  startTime: HrTime,
  endTime: HrTime,
): MetricData | undefined {
  // prom-client declares `type` as a number, but its value is a name.
  const kind = String(type);
  if (kind !== 'counter' && kind !== 'gauge') return undefined;
  const shared = {
    descriptor: { name, description: help, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: values.map(({ value, labels }) => ({
      startTime,
      endTime,
      attributes: Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, String(text)])),
      value,
    })),
  };
  return kind === 'gauge'
    ? { ...shared, dataPointType: DataPointType.GAUGE }
    : { ...shared, dataPointType: DataPointType.SUM, isMonotonic: true };
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];
}
