import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { clickHouseError, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { EtlError } from '../../core/errors.ts';
import { retry, serviceRetry } from '../../core/retry.ts';
import { deletedColumns, deletesQuery, rowsQuery } from './export-query.ts';
import { tablesOf, type ExportableView } from './exportable-views.ts';
import type { ExportCounts } from './export-counts.ts';
import type { ExportedFile } from './manifest.ts';
import { Measure } from './measure.ts';
import type { ViewPlan } from './plan-view.ts';
import { fileName, type NewFile, type Target } from './targets/target.ts';

export interface ViewWriterOptions {
  /** A client that streams answers of any size. */
  readonly client: ClickHouseClient;
  readonly clickhouse: ClickHouseSettings;
  /** The settings of each query. */
  readonly serverSettings: Readonly<Record<string, string>>;
  readonly target: Target;
  readonly counts: ExportCounts;
  readonly signal: AbortSignal;
}

/** Writes the files of views while ClickHouse's answers arrive. */
export class ViewWriter {
  readonly #options: ViewWriterOptions;

  constructor(options: ViewWriterOptions) {
    this.#options = options;
  }

  async write(view: ExportableView, plan: Exclude<ViewPlan, { mode: 'unchanged' }>): Promise<ExportedFile[]> {
    const { clickhouse, target } = this.#options;
    const { name, columns, key } = view;
    const { form } = target;
    const [table = ''] = tablesOf(view);
    const changed = plan.mode === 'changes' ? plan.changed : undefined;
    const rows = { name: fileName(form, name, 'rows'), columns };
    const files = [
      await this.#writeFile(rows, 'rows', rowsQuery(clickhouse.database, form, view, table, changed)),
    ];
    if (changed === undefined || key === undefined) return files;
    const deletes = { name: fileName(form, name, 'deletes'), columns: deletedColumns(columns, key) };
    const query = deletesQuery(clickhouse.database, form, columns, key, table, changed);
    return [...files, await this.#writeFile(deletes, 'deletes', query)];
  }

  /** Writes a file, and starts again from the beginning if ClickHouse aborts its response. */
  #writeFile(file: NewFile, holds: ExportedFile['holds'], query: string): Promise<ExportedFile> {
    const { signal } = this.#options;
    return retry({ service: 'clickhouse', doing: file.name }, serviceRetry, signal, async () => {
      try {
        return { name: file.name, holds, ...(await this.#attempt(file, query)) };
      } catch (error) {
        signal.throwIfAborted();
        throw error instanceof EtlError ? error : clickHouseError(error, this.#options.clickhouse, file.name);
      }
    });
  }

  async #attempt(file: NewFile, query: string): Promise<Omit<ExportedFile, 'name' | 'holds'>> {
    const { client, clickhouse, target, counts, serverSettings, signal } = this.#options;
    const { stream } = await client
      .exec({ query, abort_signal: signal, clickhouse_settings: serverSettings })
      .catch((error: unknown) => {
        throw clickHouseError(error, clickhouse, file.name);
      });
    const current = { name: file.name, bytes: 0, startedMs: performance.now() };
    counts.current = current;
    const measure = new Measure(target.form, (bytes) => (current.bytes += bytes));
    try {
      await passing(stream, measure, () => target.write(file, measure, signal));
      const result = measure.result();
      counts.bytes += result.bytes;
      counts.rows += result.rows;
      return result;
    } finally {
      counts.current = undefined;
    }
  }
}

/**
 * Sends the response through `measure` while `work` reads it from there.
 * @throws the error of the response if it failed first, otherwise that of the work.
 */
async function passing(answer: Readable, measure: Measure, work: () => Promise<void>): Promise<void> {
  let failure: Error | undefined;
  answer.once('error', (error) => {
    // If the work fails first, it also ends the response, and the resulting error is ignored.
    if (!measure.destroyed) failure = error;
  });
  const reading = pipeline(answer, measure).catch(() => undefined);
  try {
    await work();
  } catch (error) {
    throw failure ?? error;
  } finally {
    answer.destroy();
    await reading;
  }
}
