import { hasPassword, type Settings } from '../core/settings/config.ts';
import { ensureLocalCredentials } from '../core/settings/local-credentials.ts';

/** Returns the settings with a password, configured or generated, so that ClickHouse needs one. */
export function withLocalCredentials(settings: Settings): Settings {
  const { clickhouse, dataDir } = settings;
  if (hasPassword(clickhouse.credentials)) return settings;
  const credentials = ensureLocalCredentials(dataDir, clickhouse.url, clickhouse.credentials?.username);
  return { ...settings, clickhouse: { ...clickhouse, credentials } };
}
