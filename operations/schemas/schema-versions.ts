import type { Registry } from '../../core/avro/registry.ts';
import { ConfigError, ServiceRefusedError } from '../../core/errors.ts';
import { probeRetry } from '../../core/retry.ts';
import type { Settings } from '../../core/settings/config.ts';
import { subjectOf } from '../../core/stream-name.ts';
import { diffSchemas, type SchemaChange } from './schema-diff.ts';
import { schemaFields } from './schema-fields.ts';

export interface SchemaVersion {
  readonly version: number;
  /** The id that messages contain. */
  readonly id: number;
  /** `AVRO`, `JSON` or `PROTOBUF`. */
  readonly type: string;
  /** Number of fields at all depths; 0 unless the schema is Avro. */
  readonly fields: number;
  /**
   * Number of differences from the previous version; undefined for the first version, and unless
   * both are Avro.
   */
  readonly changes: number | undefined;
}

export interface StoredSchema extends SchemaVersion {
  readonly text: string;
  /** The parsed text; undefined unless the schema is Avro. */
  readonly schema: unknown;
}

export interface SchemaComparison {
  readonly subject: string;
  readonly from: SchemaVersion;
  readonly to: SchemaVersion;
  readonly changes: readonly SchemaChange[];
}

type Connection = { readonly registry: Registry; readonly settings: Pick<Settings, 'topicPrefix'> };

/**
 * Returns the versions of a stream's subject, oldest first; empty if it has none.
 * @throws errors of the registry.
 */
export async function readSchemaVersions(
  { registry, settings }: Connection,
  stream: string,
): Promise<readonly StoredSchema[]> {
  const texts = await registry.texts(subjectOf(settings.topicPrefix, stream), probeRetry);
  const versions: StoredSchema[] = [];
  for (const { version = versions.length + 1, id, type, text } of texts) {
    const schema = type === 'AVRO' ? parsed(text, id) : undefined;
    const before = versions.at(-1)?.schema;
    versions.push({
      version,
      id,
      type,
      text,
      schema,
      fields: schema === undefined ? 0 : schemaFields(schema).length,
      changes: schema === undefined || before === undefined ? undefined : diffSchemas(before, schema).length,
    });
  }
  return versions;
}

/**
 * Returns the changes between two versions of a stream's schema.
 * @throws ConfigError for an unknown version; errors of the registry.
 */
export async function compareSchemas(
  connection: Connection,
  stream: string,
  from: number,
  to: number,
): Promise<SchemaComparison> {
  const versions = await readSchemaVersions(connection, stream);
  const find = (wanted: number) => {
    const found = versions.find(({ version }) => version === wanted);
    if (found === undefined)
      throw new ConfigError(
        versions.length === 0
          ? `stream ${stream} has no schema in the registry; run \`npm run produce\``
          : `the version must be one of ${versions.map(({ version }) => version).join(', ')}; got ${wanted}`,
      );
    return found;
  };
  const [older, newer] = [find(from), find(to)];
  return {
    subject: subjectOf(connection.settings.topicPrefix, stream),
    from: older,
    to: newer,
    changes: diffSchemas(older.schema, newer.schema),
  };
}

function parsed(text: string, id: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ServiceRefusedError(
      `the registry returned schema ${id}, which is not JSON: register it again`,
      {
        cause: error,
      },
    );
  }
}
