import { hasPassword, type Settings } from '../core/settings/config.ts';
import { ensureLocalCredentials } from '../core/settings/local-credentials.ts';

/** Settings to start ClickHouse with: it always has a password, from the settings or generated. */
export function withLocalCredentials(settings: Settings): Settings {
  const { clickhouse, dataDir } = settings;
  if (hasPassword(clickhouse.credentials)) return settings;
  const credentials = ensureLocalCredentials(dataDir, clickhouse.url, clickhouse.credentials?.username);
  return { ...settings, clickhouse: { ...clickhouse, credentials } };
}
