import type { Registry } from 'prom-client';
import type { Health } from './health.ts';
import { serveMetrics } from './metrics-server.ts';
import type { Settings } from './settings/config.ts';
import { startTelemetry } from './telemetry/telemetry.ts';

/**
 * Serves metrics and health on METRICS_PORT, and exports traces and metrics to
 * OTEL_EXPORTER_OTLP_ENDPOINT. Does nothing for a setting without a value.
 * @param service the name of the command.
 * @throws the errors of `serveMetrics`.
 */
export async function startMonitoring(
  { metricsPort, telemetry }: Pick<Settings, 'metricsPort' | 'telemetry'>,
  service: string,
  registry: Registry,
  health: Health,
): Promise<{ close(): Promise<void> }> {
  const server = await serveMetrics(metricsPort, registry, health);
  const exported = await startTelemetry(telemetry, service, registry);
  return {
    close: async () => {
      await Promise.all([server.close(), exported.close()]);
    },
  };
}
