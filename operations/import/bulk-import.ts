import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ConfigError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ChartMogulClient } from '../../producers/chartmogul/client.ts';
import { FaultList } from './faults.ts';
import { ImportFolder, type ImportPlan } from './import-folder.ts';
import { ImportJobs } from './import-jobs.ts';
import { claimImports } from './import-lock.ts';
import type { ImportProgress } from './import-progress.ts';
import { writeReport, type ImportReport } from './import-report.ts';
import { planImport, type ImportFile } from './plan-import.ts';
import { sizeOfFile } from './read-file.ts';
import { awaitUnfinished, sendBatches } from './send-import.ts';
import { SourceRecords } from './source-records.ts';
import { verifyImport, type Verification } from './verify/verify-import.ts';

export interface ImportOptions {
  /** UUID of the data source. */
  readonly dataSource: string;
  readonly path: string;
}

/** A file that was read and checked, but not sent. */
export interface PreparedImport {
  readonly dataSource: { readonly uuid: string; readonly name: string };
  readonly host: string;
  readonly file: ImportFile;
  /** If it holds any, nothing can be sent. */
  readonly faults: FaultList;
  readonly plan: ImportPlan;
  /** Requests that an earlier run completed. */
  readonly ended: number;
}

/** The import of one file into one data source. The caller closes it. */
export class BulkImport {
  readonly #client: ChartMogulClient;
  readonly #settings: Settings;
  readonly #options: ImportOptions;
  readonly #progress: ImportProgress;
  readonly #signal: AbortSignal;
  readonly #source: SourceRecords;
  readonly #jobs: ImportJobs;
  #folder: ImportFolder | undefined;
  #plan: ImportPlan | undefined;
  #giveBack: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  /** Whether the requests are needed to resume. */
  #isBegun = false;

  /** @throws ConfigError if the key is not set. */
  constructor(settings: Settings, options: ImportOptions, progress: ImportProgress, signal: AbortSignal) {
    this.#settings = settings;
    this.#options = options;
    this.#progress = progress;
    this.#signal = signal;
    this.#client = new ChartMogulClient(settings.chartmogul, signal);
    this.#source = new SourceRecords(this.#client, options.dataSource);
    this.#jobs = new ImportJobs(this.#client, options.dataSource);
  }

  /**
   * Reads and checks the file, and prepares its requests. Sends nothing.
   * @throws ConfigError for a wrong file or data source, AuthenticationError,
   * SourceUnavailableError, RunActiveError
   */
  async prepare(): Promise<PreparedImport> {
    const { dataSource, path } = this.#options;
    const { dataDir, chartmogul } = this.#settings;
    const bytes = sizeOfFile(path);
    if (bytes === 0) throw new ConfigError(`FILE must hold records; ${path} is empty`);
    this.#progress.begin('reading', bytes);
    await this.#client.ping();
    const name = await this.#source.name();
    const file = { path, bytes, digest: await digestOf(path, this.#signal) };
    const folder = ImportFolder.of(dataDir, chartmogul.baseUrl, dataSource, file.digest);
    folder.make();
    this.#folder = folder;
    this.#giveBack = claimImports(folder.parent);
    const resumed = folder.readPlan();
    this.#isBegun = resumed !== undefined;
    const { plan, faults } =
      resumed === undefined
        ? await planImport(file, folder, this.#source, this.#progress, this.#signal)
        : { plan: resumed, faults: new FaultList() };
    this.#plan = plan;
    const journal = folder.readJournal();
    const hasEnded = (externalId: string) => (journal.get(externalId)?.status ?? 'sending') !== 'sending';
    const ended = plan.batches.filter(({ externalId }) => hasEnded(externalId)).length;
    return { dataSource: { uuid: dataSource, name }, host: chartmogul.baseUrl, file, faults, plan, ended };
  }

  /** Sends what was prepared and was not sent before. */
  async send(): Promise<ImportReport> {
    const { folder, plan } = this.#prepared();
    this.#isBegun = true;
    for (const other of folder.others()) await awaitUnfinished(other, this.#jobs, this.#signal);
    const ends = await sendBatches(folder, plan.batches, this.#jobs, this.#progress, this.#signal);
    return writeReport(folder, plan.batches, ends, this.#signal);
  }

  /** Reads what was sent through the API, and compares it with the file. */
  async verify(): Promise<Verification> {
    const { folder, plan } = this.#prepared();
    return verifyImport(folder, plan, this.#source, this.#progress, this.#signal);
  }

  /** Removes the requests, which are no longer needed. */
  finish(): void {
    this.#prepared().folder.removeBatches();
  }

  /** Also removes requests of which none was sent. */
  async close(): Promise<void> {
    if (!this.#isBegun && this.#giveBack !== undefined) this.#folder?.removeBatches();
    this.#giveBack?.();
    this.#giveBack = undefined;
    this.#closed ??= this.#client.close();
    await this.#closed;
  }

  #prepared(): { readonly folder: ImportFolder; readonly plan: ImportPlan } {
    if (this.#folder === undefined || this.#plan === undefined) throw new TypeError('prepare was not called');
    return { folder: this.#folder, plan: this.#plan };
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}
