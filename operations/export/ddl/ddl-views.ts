import { withConnections } from '../../../core/connections.ts';
import { readStreamSchema, streamNames } from '../../../core/avro/schema-files.ts';
import { ConfigError, ServiceUnavailableError } from '../../../core/errors.ts';
import { logger } from '../../../core/logger.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { parseWriterSchema } from '../../../consumers/schema/writer-schema.ts';
import { fieldColumns } from '../../../consumers/table/stored-columns.ts';
import { chooseViews, readExportableViews, type ExportableView } from '../exportable-views.ts';

type DdlView = Pick<ExportableView, 'name' | 'columns'>;

/**
 * Returns the views for which `--ddl` prints tables. If ClickHouse does not respond, or has no
 * views and `streams` is undefined, returns the streams that `schemas/` describes.
 * @throws ConfigError for a name that selects nothing; ServiceRefusedError; the signal's reason.
 */
export async function readDdlViews(
  settings: Settings,
  streams: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly DdlView[]> {
  try {
    const role = { name: 'export', needs: ['database'] } as const;
    return await withConnections(settings, role, signal, async ({ database }) => {
      const views = chooseViews(await readExportableViews(database), streams);
      return views.length > 0 ? views : schemaViews(streams);
    });
  } catch (error) {
    if (!(error instanceof ServiceUnavailableError)) throw error;
    logger.warn('ClickHouse does not respond: the statements cover only the streams in schemas/');
    return schemaViews(streams);
  }
}

/** Returns the streams of `schemas/`, with the columns that the sink would create. */
export function schemaViews(streams: readonly string[] | undefined): readonly DdlView[] {
  const unknown = streams?.find((stream) => !streamNames.includes(stream));
  if (unknown !== undefined)
    throw new ConfigError(
      `--streams must name streams in schemas/ (${streamNames.join(', ')}); got "${unknown}"`,
    );
  return (streams ?? streamNames).map((name) => {
    const schema = parseWriterSchema(JSON.stringify(readStreamSchema(name)), `schemas/${name}.avsc`);
    const columns = fieldColumns(schema).map((column) => ({
      name: column.name,
      type: column.type.text,
      comment: column.comment,
    }));
    const changedAt = {
      name: '_changed_at',
      type: "DateTime64(3, 'UTC')",
      comment: 'When Kafka received the latest message behind this row.',
    };
    return { name, columns: [...columns, changedAt] };
  });
}
