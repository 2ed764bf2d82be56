import { randomBytes } from 'node:crypto';
import { withConnections } from '../../core/connections.ts';
import { createClickHouse } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { ConfigError, ServiceUnavailableError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { Settings } from '../../core/settings/config.ts';
import { cutOf, isSameCut, readCut } from './cut.ts';
import { ExportCounts } from './export-counts.ts';
import { exportSettings, settingsQuery } from './export-query.ts';
import {
  chooseViews,
  groupViews,
  readExportableViews,
  tablesOf,
  type ExportableView,
} from './exportable-views.ts';
import { shapeOf, type ExportedView, type Manifest, type ViewState } from './manifest.ts';
import { planView, type Since } from './plan-view.ts';
import type { Target } from './targets/target.ts';
import { ViewWriter } from './write-view.ts';

/**
 * Maximum number of times that related views are read. They are read again if messages arrived in
 * the meantime.
 */
const MAX_ROUNDS = 3;

export interface ExportOptions {
  /** Names of streams or views, see {@link chooseViews}; undefined for all. */
  readonly streams: readonly string[] | undefined;
  /** `last`, or ms since 1970; undefined for all rows. */
  readonly since: 'last' | number | undefined;
}

export interface ExportReport {
  readonly manifest: Manifest;
  /** Names of the views without changes. */
  readonly unchanged: readonly string[];
  /** Number of files kept from an earlier, interrupted export. */
  readonly kept: number;
}

/**
 * Writes the views to a target, which the caller closes, and publishes them together. An
 * interrupted export resumes when it is run again with the same options.
 * @param counts is updated while the export runs.
 * @throws ConfigError, ServiceUnavailableError, ServiceRefusedError, TargetFailedError; the
 *   signal's reason.
 */
export async function exportViews(
  settings: Settings,
  target: Target,
  options: ExportOptions,
  signal: AbortSignal,
  counts = new ExportCounts(),
): Promise<ExportReport> {
  const role = { name: 'export', needs: ['database'] } as const;
  return withConnections(settings, role, signal, async ({ database, signal: running }) => {
    const client = createClickHouse(settings.clickhouse, undefined, { isStreamed: true });
    try {
      const known = await database.rows<{ name: string }>('settings', settingsQuery());
      const serverSettings = Object.fromEntries(
        known.flatMap(({ name }) => Object.entries(exportSettings).filter(([own]) => own === name)),
      );
      const writer = new ViewWriter({
        ...{ client, clickhouse: settings.clickhouse, serverSettings, target, counts },
        signal: running,
      });
      return await new Export(database, target, options, counts, writer).run();
    } finally {
      await client.close();
    }
  });
}

class Export {
  readonly #database: Database;
  readonly #target: Target;
  readonly #options: ExportOptions;
  readonly #counts: ExportCounts;
  readonly #writer: ViewWriter;
  readonly #done = new Map<string, ExportedView>();
  readonly #states = new Map<string, ViewState>();
  #earlier: Manifest | undefined;

  constructor(
    database: Database,
    target: Target,
    options: ExportOptions,
    counts: ExportCounts,
    writer: ViewWriter,
  ) {
    this.#database = database;
    this.#target = target;
    this.#options = options;
    this.#counts = counts;
    this.#writer = writer;
  }

  async run(): Promise<ExportReport> {
    const views = chooseViews(await readExportableViews(this.#database), this.#options.streams);
    if (views.length === 0)
      throw new ConfigError(
        `CLICKHOUSE_DATABASE has no views to export; got "${this.#database.name}": run \`npm run sink\` first`,
      );
    refuseSimilarNames(views);
    await this.#publishFinished();
    this.#earlier = await this.#target.readManifest();
    const since = this.#since();
    const start = await this.#resumeOrStart(views, since);
    this.#counts.files = views.length;
    for (const group of groupViews(views)) await this.#exportGroup(group, since, start);
    const written = views.flatMap(({ name }) => this.#done.get(name) ?? []);
    const manifest = this.#manifest(start, new Date().toISOString(), written);
    this.#counts.state = 'publishing';
    if (written.length > 0 || since === undefined) {
      await this.#target.save(manifest);
      await this.#target.publish(manifest, this.#earlier);
    } else await this.#target.discard();
    const unchanged = views.map(({ name }) => name).filter((name) => !this.#done.has(name));
    return { manifest, unchanged, kept: this.#counts.kept };
  }

  /**
   * Publishes an export that was killed after it was complete, but before it was fully published.
   */
  async #publishFinished(): Promise<void> {
    const unfinished = await this.#target.readUnfinished();
    if (unfinished === undefined || unfinished.finishedAt === null) return;
    if (await this.#hasAll(unfinished.views))
      await this.#target.publish(unfinished, await this.#target.readManifest());
  }

  /**
   * Returns the start of the changes; undefined for all rows, as with `--since last` if the target
   * has no earlier export of this database.
   */
  #since(): Since {
    const { since } = this.#options;
    if (since === undefined) return undefined;
    if (since !== 'last') return { timeMs: since };
    const last = this.#earlier;
    return last?.database === this.#database.name ? { last } : undefined;
  }

  /** Returns the manifest of the interrupted export if it can be resumed, otherwise a new one. */
  async #resumeOrStart(views: readonly ExportableView[], since: Since): Promise<Manifest> {
    const mark =
      since === undefined
        ? null
        : 'last' in since
          ? since.last.upTo.id
          : new Date(since.timeMs).toISOString();
    const unfinished = await this.#target.readUnfinished();
    const isSame =
      unfinished?.finishedAt === null &&
      unfinished.since === mark &&
      unfinished.database === this.#database.name &&
      unfinished.views.every(({ name }) => views.some((view) => view.name === name));
    if (unfinished !== undefined && isSame) {
      const shapes = new Map(views.map((view) => [view.name, shapeOf(view)]));
      for (const view of unfinished.views)
        if (view.shape === shapes.get(view.name) && (await this.#hasAll([view])))
          this.#done.set(view.name, view);
      return unfinished;
    }
    const startedAt = new Date().toISOString();
    // The id sorts by time, and is a valid folder name.
    const id = `${startedAt.slice(0, 19).replaceAll(/[-:]/g, '')}Z-${randomBytes(3).toString('hex')}`;
    const upTo = { id, views: {} };
    const { name: database } = this.#database;
    const start = {
      version: 1,
      id,
      database,
      startedAt,
      finishedAt: null,
      since: mark,
      views: [],
      upTo,
    } as const;
    await this.#target.start(start);
    return start;
  }

  async #hasAll(views: readonly ExportedView[]): Promise<boolean> {
    for (const { files } of views)
      for (const file of files) if (!(await this.#target.has(file))) return false;
    return true;
  }

  /**
   * Writes views over the same tables, and repeats this if messages have arrived in the meantime,
   * so that all views show the same state. A single view is not read again.
   */
  async #exportGroup(group: readonly ExportableView[], since: Since, start: Manifest): Promise<void> {
    const tables = [...new Set(group.flatMap(tablesOf))];
    for (let round = 1; ; round++) {
      const before = await readCut(this.#database, tables);
      for (const view of group) {
        const cut = cutOf(before, tablesOf(view));
        const kept = this.#done.get(view.name);
        if (kept !== undefined && ((round === 1 && group.length === 1) || isSameCut(kept.cut, cut))) {
          if (round === 1) this.#keep(kept);
          continue;
        }
        this.#done.delete(view.name);
        const plan = await planView(this.#database, view, since, cut, {
          earlier: this.#earlier,
          mergesChanges: this.#target.mergesChanges,
        });
        const shape = shapeOf(view);
        this.#states.set(view.name, { cut, shape });
        if (plan.mode !== 'unchanged') {
          const files = await this.#writer.write(view, plan);
          const { name, streams, columns, key = null } = view;
          this.#done.set(name, { name, streams, mode: plan.mode, key, columns, cut, shape, files });
          await this.#target.save(this.#manifest(start, null, [...this.#done.values()]));
          const rows = files.reduce((sum, file) => sum + file.rows, 0);
          logger.info({ view: name, mode: plan.mode, rows }, 'exported');
        }
        if (round === 1) this.#counts.done++;
      }
      if (group.length === 1 || isSameCut(before, await readCut(this.#database, tables))) return;
      const names = group.map(({ name }) => name).join(', ');
      if (round === MAX_ROUNDS)
        throw new ServiceUnavailableError(
          `${names}: messages arrived during each of ${MAX_ROUNDS} reads of the views: stop the sink during the export, or export while \`produce\` is not running`,
          { service: 'ClickHouse' },
        );
      logger.info({ views: names }, 'messages have arrived: the views are read again');
    }
  }

  #keep({ name, cut, shape, files }: ExportedView): void {
    this.#states.set(name, { cut, shape });
    this.#counts.kept += files.length;
    this.#counts.done++;
    logger.info({ view: name }, 'kept from an unfinished export');
  }

  #manifest(start: Manifest, finishedAt: string | null, views: readonly ExportedView[]): Manifest {
    // An export since a given time may leave a gap after the latest export, so it does not advance
    // `upTo`.
    const isGap = typeof this.#options.since === 'number';
    const states = isGap ? {} : Object.fromEntries(this.#states);
    const id = isGap ? (this.#earlier?.upTo.id ?? start.id) : start.id;
    return { ...start, finishedAt, views, upTo: { id, views: { ...this.#earlier?.upTo.views, ...states } } };
  }
}

/** Refuses names that differ only in case, because several targets ignore case. */
function refuseSimilarNames(views: readonly ExportableView[]): void {
  const names = new Map<string, string>();
  for (const { name } of views) {
    const other = names.get(name.toLowerCase());
    if (other !== undefined)
      throw new ConfigError(
        `an export must not contain views whose names differ only in case; got "${other}" and "${name}": export one at a time with --streams`,
      );
    names.set(name.toLowerCase(), name);
  }
}
