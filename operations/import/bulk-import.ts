import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ConfigError, EtlError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ChartMogulClient } from '../../producers/chartmogul/client.ts';
import { FaultList } from './faults.ts';
import { ImportFolder, type ImportPlan } from './import-folder.ts';
import { ImportJobs } from './import-jobs.ts';
import { claimImports } from './import-lock.ts';
import type { ImportProgress } from './import-progress.ts';
import { writeReport, type ImportReport } from './import-report.ts';
import { planImport, type ImportFile, type Planned } from './plan-import.ts';
import { sizeOfFile } from './read-file.ts';
import { awaitUnfinished, sendBatches } from './send-import.ts';
import { SourceRecords } from './source-records.ts';
import { verifyImport, type Verification } from './verify/verify-import.ts';

export interface ImportOptions {
  /** UUID of the data source. */
  readonly dataSource: string;
  readonly path: string;
}

/** A file that was read and checked, with the requests to send. */
export interface PreparedImport {
  readonly dataSource: { readonly uuid: string; readonly name: string };
  readonly host: string;
  readonly file: ImportFile;
  /** If there are faults, nothing can be sent. */
  readonly faults: FaultList;
  readonly plan: ImportPlan;
  /** Number of requests that ended in an earlier run, including failed ones. */
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
  #planned: { readonly folder: ImportFolder; readonly plan: ImportPlan } | undefined;
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
   * @throws ConfigError for a wrong file or data source, or if DATA_DIR cannot store the requests;
   *   RunActiveError; the errors of `ChartMogulClient.get`.
   */
  async prepare(): Promise<PreparedImport> {
    const { dataSource, path } = this.#options;
    const { dataDir, chartmogul } = this.#settings;
    const bytes = sizeOfFile(path);
    this.#progress.begin('reading', bytes);
    await this.#client.ping();
    const name = await this.#source.name();
    const file = { path, bytes, digest: await digestOf(path, this.#signal) };
    const folder = ImportFolder.of(dataDir, chartmogul.baseUrl, dataSource, file.digest);
    const { plan, faults } = await inDataDir(dataDir, () => this.#plan(file, folder));
    if (plan.batches.length === 0 && faults.count === 0)
      throw new ConfigError(`FILE must contain records; ${path} has none`);
    this.#planned = { folder, plan };
    const journal = folder.readJournal();
    const hasEnded = (externalId: string) => (journal.get(externalId)?.status ?? 'sending') !== 'sending';
    const ended = plan.batches.filter(({ externalId }) => hasEnded(externalId)).length;
    return { dataSource: { uuid: dataSource, name }, host: chartmogul.baseUrl, file, faults, plan, ended };
  }

  /** Plans the requests, unless an earlier run has planned them. */
  async #plan(file: ImportFile, folder: ImportFolder): Promise<Planned> {
    folder.make();
    this.#giveBack = claimImports(folder.parent);
    this.#folder = folder;
    const resumed = folder.readPlan();
    this.#isBegun = resumed !== undefined;
    if (resumed !== undefined) return { plan: resumed, faults: new FaultList() };
    return planImport(file, folder, this.#source, this.#progress, this.#signal);
  }

  /**
   * Sends the prepared requests that have not ended yet, waits until they end, and writes the
   * report.
   */
  async send(): Promise<ImportReport> {
    const { folder, plan } = this.#prepared();
    this.#isBegun = true;
    return inDataDir(this.#settings.dataDir, async () => {
      for (const other of folder.others()) await awaitUnfinished(other, this.#jobs, this.#signal);
      const ends = await sendBatches(folder, plan.batches, this.#jobs, this.#progress, this.#signal);
      return writeReport(folder, plan.batches, ends, this.#signal);
    });
  }

  /** Reads the imported records through the API, and compares them with the file. */
  async verify(): Promise<Verification> {
    const { folder, plan } = this.#prepared();
    return inDataDir(this.#settings.dataDir, () =>
      verifyImport(folder, plan, this.#source, this.#progress, this.#signal),
    );
  }

  /** Removes the requests, which are no longer needed. */
  finish(): void {
    this.#prepared().folder.removeBatches();
  }

  /** Releases the lock, and removes the requests unless they are needed to resume. */
  async close(): Promise<void> {
    if (!this.#isBegun && this.#giveBack !== undefined) this.#folder?.removeBatches();
    this.#giveBack?.();
    this.#giveBack = undefined;
    this.#closed ??= this.#client.close();
    await this.#closed;
  }

  #prepared(): { readonly folder: ImportFolder; readonly plan: ImportPlan } {
    if (this.#planned === undefined) throw new TypeError('prepare was not called');
    return this.#planned;
  }
}

const diskRemedies: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free about as much space as the file occupies, then run the import again',
  EDQUOT: 'the disk quota is used up: free some space, then run the import again',
  EACCES: 'this user has no permission to write there',
  EPERM: 'this user has no permission to write there',
  EROFS: 'the file system is read-only',
  EEXIST: 'part of the path is a file',
  ENOTDIR: 'part of the path is a file',
};

/**
 * Runs work that writes into DATA_DIR.
 * @throws ConfigError with a remedy for a known disk error.
 */
async function inDataDir<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const remedy = diskRemedies[code];
    if (remedy === undefined || error instanceof EtlError) throw error;
    throw new ConfigError(`DATA_DIR (${dataDir}) cannot store the requests: ${remedy} (${code})`, {
      cause: error,
    });
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}
