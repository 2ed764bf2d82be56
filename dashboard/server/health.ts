import { Registry } from 'prom-client';
import { withAvailableServices } from '../../core/connections.ts';
import type { Health } from '../../core/health.ts';
import { startMonitoring } from '../../core/monitoring.ts';
import type { Settings } from '../../core/settings/config.ts';
import { SharedRead } from './shared-read.ts';

/** Probes are frequent, and each check opens connections. */
const KEEP_MS = 10_000;

const names = { admin: 'Kafka', registry: 'the schema registry', database: 'ClickHouse' } as const;

/**
 * Serves and exports the metrics of the process, and serves its health probes.
 * @throws the errors of `serveMetrics`.
 */
export function startDashboardMonitoring(settings: Settings, signal: AbortSignal) {
  return startMonitoring(settings, 'show', new Registry(), createDashboardHealth(settings, signal));
}

/** The dashboard is ready if the services respond. It also serves pages while it is not ready. */
export function createDashboardHealth(settings: Settings, signal: AbortSignal): Health {
  const missing = new SharedRead(() => missingServices(settings, signal), KEEP_MS);
  return {
    stuck: () => undefined,
    unready: async () => {
      const [first, ...others] = await missing.get();
      if (first === undefined) return undefined;
      return others.length === 0
        ? `${first} is unavailable`
        : `${[first, ...others].join(', ')} are unavailable`;
    },
  };
}

async function missingServices(settings: Settings, signal: AbortSignal): Promise<readonly string[]> {
  const missing: string[] = [];
  const onUnavailable = (_: unknown, service: keyof typeof names) => missing.push(names[service]);
  await withAvailableServices(settings, 'health', signal, onUnavailable, () => Promise.resolve());
  return missing;
}
