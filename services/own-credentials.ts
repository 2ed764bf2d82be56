import { hasPassword, type Settings } from '../core/settings/config.ts';
import { ensureLocalCredentials } from '../core/settings/local-credentials.ts';

/**
 * Returns the settings with a configured or generated password, so that ClickHouse always requires
 * one.
 */
export function withLocalCredentials(settings: Settings): Settings {
  const { clickhouse, dataDir } = settings;
  if (hasPassword(clickhouse.credentials)) return settings;
  const credentials = ensureLocalCredentials(dataDir, clickhouse.url, clickhouse.credentials?.username);
  return { ...settings, clickhouse: { ...clickhouse, credentials } };
}
