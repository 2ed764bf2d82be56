import { settingDocs } from '../../core/settings/config.ts';
import { code, generatedNote, table } from './markdown.ts';

interface Group {
  readonly title: string;
  readonly names: RegExp;
  readonly notes: string;
}

/** A setting belongs to the first group whose pattern matches its name. */
const groups: readonly Group[] = [
  {
    title: 'ChartMogul',
    names: /^CHARTMOGUL_/,
    notes:
      '`produce`, `ping`, `reconcile --source` and `import` need the key. A read-only key is enough for all but `import`. ' +
      '`CHARTMOGUL_BASE_URL` must be `https`, except for a loopback host.',
  },
  {
    title: 'Producing',
    names: /^(METRICS_(START|INTERVALS|LOOK)|FULL_ROUND|MASS_DELETE|STREAM_MODES)/,
    notes:
      'Without `METRICS_LOOK_BACK_DAYS`, each run reads the metrics from `METRICS_START_DATE` on. `STREAM_MODES` decides ' +
      'what happens to fields that the schema lacks: see [new and changed fields](../how-to/schema-changes.md).',
  },
  {
    title: 'Kafka',
    names: /^(KAFKA_|TOPIC_|TOMBSTONE_)/,
    notes:
      '`plain` and `scram` require `KAFKA_USERNAME`; `oauthbearer` requires the `KAFKA_OAUTH_…` settings instead. `TOMBSTONE_RETENTION_DAYS` applies to ' +
      'new topics, whichever command creates them; existing topics are never altered.',
  },
  {
    title: 'Schema registry',
    names: /^SCHEMA_REGISTRY_/,
    notes:
      '`SCHEMA_REGISTRY_URL` may contain a path. `SCHEMA_REGISTRY_CA_FILE` replaces the CAs that Node trusts, for the ' +
      'registry only. [Company networks](../how-to/company-network.md) explains private CAs and proxies.',
  },
  {
    title: 'ClickHouse',
    names: /^(CLICKHOUSE_|HISTORY_)/,
    notes:
      'The local ClickHouse does not need these settings: commands read its credential under `DATA_DIR`. `npm run ' +
      'services -- up` prints it for other programs. [Privileges](../how-to/clickhouse-rights.md) lists the grants that the ' +
      'user needs. `CLICKHOUSE_CA_FILE` replaces the CAs that Node trusts, for ClickHouse only. [Histories](../how-to/history.md) explains `HISTORY_STREAMS`.',
  },
  {
    title: 'Network and limits',
    names: /^(HTTPS?_PROXY|NO_PROXY|ALLOW_|MAX_DECODED)/,
    notes:
      'Connections to Kafka do not use a proxy. In the environment and in `.env`, the names of the proxy settings may also be in lower case. A record batch or a response that exceeds ' +
      '`MAX_DECODED_MIB` stops its stream.',
  },
  {
    title: 'Dashboard',
    names: /^SHOW_/,
    notes:
      'A host that is not loopback requires a password. In the browser, enter the password with any user name. The password ' +
      'travels unencrypted: put a proxy with TLS in front, or use an SSH tunnel to a loopback address.',
  },
  {
    title: 'Webhook',
    names: /^WEBHOOK_/,
    notes:
      'The token has 16 to 256 characters: A-Z a-z 0-9 . _ ~ -. [Receive MRR movements](../how-to/webhook.md) explains the set-up.',
  },
  {
    title: 'Assistants',
    names: /^MCP_/,
    notes:
      '`mcp` over stdin and stdout needs no token. [Assistants](../assistants.md) explains how to connect one.',
  },
  {
    title: 'Export, metrics and local data',
    names: /./,
    notes: '`produce` and `sink` need different metrics ports.',
  },
];

const groupOf = (name: string) => groups.find(({ names }) => names.test(name));

/** Returns the page that lists every setting with its default and its meaning. */
export function settingsPage(): string {
  const sections = groups.map((group) => {
    const rows = settingDocs
      .filter(({ name }) => groupOf(name) === group)
      .map(({ name, standard, doc }) => [code(name), code(standard), doc]);
    return `## ${group.title}\n\n${table(['setting', 'default', 'meaning'], rows)}\n\n${group.notes}`;
  });
  return `${generatedNote}

# Settings

Each setting is read from the first of these sources that has it:

1. the environment
2. the file \`.env\` in the working directory
3. the JSON file that \`CONFIG_FILE\` names: an object with the same names, and \`streams\` for
   [your own streams](../how-to/custom-streams.md)
4. the default

A secret may also be in a file, or in [a vault](../security.md#secrets-from-a-vault): set \`…_FILE\` to the path, or
\`…_COMMAND\` to a program that prints the secret. Set only one of the three. A wrong setting ends the command with exit code 2 and
one line that names the setting.

${sections.join('\n\n')}
`;
}
