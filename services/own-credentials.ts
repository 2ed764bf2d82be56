import { hasPassword, type Settings } from '../core/settings/config.ts';
import { ensureLocalCredentials } from '../core/settings/local-credentials.ts';

/** Returns settings to start ClickHouse with: with a password, configured or generated. */
export function withLocalCredentials(settings: Settings): Settings {
  const { clickhouse, dataDir } = settings;
  if (hasPassword(clickhouse.credentials)) return settings;
  const credentials = ensureLocalCredentials(dataDir, clickhouse.url, clickhouse.credentials?.username);
  return { ...settings, clickhouse: { ...clickhouse, credentials } };
}
