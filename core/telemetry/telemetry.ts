import type { Registry } from 'prom-client';
import type { Secret } from '../settings/secret.ts';
import { useTracer } from './spans.ts';

export interface TelemetrySettings {
  /** The URL without a trailing slash; if undefined, nothing is exported. */
  readonly endpoint: string | undefined;
  /** Headers such as `authorization=Bearer …`. */
  readonly headers: Secret | undefined;
  readonly proxy?: Secret;
  readonly serviceName: string | undefined;
}

export interface Telemetry {
  /** Exports the data recorded so far, for at most a second. Never throws. */
  close(): Promise<void>;
}

/**
 * Exports the traces of {@link inSpan} and the metrics of a registry over OTLP, if an endpoint is
 * set. Without an endpoint, the SDK is not loaded, because that takes time. The collector may be
 * unavailable: nothing waits for it, and data that it does not accept is dropped.
 * @param service the name of the command.
 */
export async function startTelemetry(
  settings: TelemetrySettings,
  service: string,
  registry: Registry,
): Promise<Telemetry> {
  const { endpoint } = settings;
  if (endpoint === undefined) return { close: () => Promise.resolve() };
  const { createExport } = await import('./otlp-export.ts');
  const exported = createExport({ ...settings, endpoint }, service, registry);
  useTracer(exported.tracer);
  return {
    close: async () => {
      useTracer(undefined);
      await exported.close();
    },
  };
}
