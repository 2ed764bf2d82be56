import { hasPassword, type Settings } from '../core/config.ts';
import { ensureLocalCredentials } from '../core/local-credentials.ts';

/** Settings for a ClickHouse that is to be started: it lets in nobody without a password, that of the settings or one of its own. */
export function withLocalCredentials(settings: Settings): Settings {
  const { clickhouse, dataDir } = settings;
  if (hasPassword(clickhouse.credentials)) return settings;
  const credentials = ensureLocalCredentials(dataDir, clickhouse.url, clickhouse.credentials?.username);
  return { ...settings, clickhouse: { ...clickhouse, credentials } };
}
