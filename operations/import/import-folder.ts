import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, parseJson, type JsonObject } from '../../core/json.ts';
import { makePrivateFolder, openPrivate, readPrivate, writePrivate } from '../../core/private-files.ts';
import { requestOf, type Batch } from './batch-packer.ts';
import { objectNames, type ObjectName } from './record-kinds.ts';

/** A request that is ready to be sent. */
export interface PlannedBatch {
  /** The position of the request in the order of sending, from 1. */
  readonly number: number;
  readonly externalId: string;
  readonly bytes: number;
  readonly records: number;
  readonly customers: number;
  readonly continues: boolean;
}

export type ObjectCounts = Readonly<Record<ObjectName, number>>;

/** The version of the plan format. A plan with a different version is replaced by a new one. */
export const PLAN_FORM = 1;

/** All requests of a file. */
export interface ImportPlan {
  readonly form: number;
  readonly dataSource: string;
  readonly batches: readonly PlannedBatch[];
  readonly counts: ObjectCounts;
}

/** A record of a batch, for reports. */
export interface BatchLine {
  readonly line: number;
  readonly object: ObjectName;
  readonly id: string | undefined;
  readonly customer: string | undefined;
}

/** The outcome of a request. */
export interface BatchEnd {
  readonly externalId: string;
  readonly status: 'completed' | 'failed';
  /** Lines that were not imported, with the reasons. */
  readonly failed: readonly (readonly [line: number, reason: string])[];
}

export type JournalEntry = BatchEnd | { readonly externalId: string; readonly status: 'sending' };

/**
 * The private folder of an import. It contains the journal of outcomes and, until the import
 * finishes, the requests. After a `kill -9`, the next run resumes from them.
 */
export class ImportFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Returns the folder for the import of a file into a data source. */
  static of(dataDir: string, baseUrl: string, dataSource: string, fileDigest: string): ImportFolder {
    const parent = join(dataDir, 'imports', digest(`${baseUrl}\n${dataSource}`));
    return new ImportFolder(join(parent, digest(fileDigest)));
  }

  /** The folder of all imports into the data source. */
  get parent(): string {
    return join(this.path, '..');
  }

  make(): void {
    mkdirSync(join(this.path, '..', '..', '..'), { recursive: true, mode: 0o700 });
    for (const path of [join(this.parent, '..'), this.parent, this.path]) makePrivateFolder(path);
  }

  /**
   * Returns the plan of an earlier run; undefined if there is none, its requests were removed, or
   * it has another format version.
   */
  readPlan(): ImportPlan | undefined {
    const text = readPrivate(join(this.path, 'plan.json'));
    if (text === undefined || !existsSync(this.#batches)) return undefined;
    const plan = JSON.parse(text) as ImportPlan;
    return plan.form === PLAN_FORM ? plan : undefined;
  }

  /** Removes the requests of a plan, so that a new plan can be created. The journal stays. */
  clear(): void {
    rmSync(join(this.path, 'plan.json'), { force: true });
    rmSync(this.#batches, { recursive: true, force: true });
    makePrivateFolder(this.#batches);
  }

  writeBatch(number: number, dataSource: string, batch: Batch): PlannedBatch {
    const { externalId, body } = requestOf(dataSource, batch.entries);
    const lines = batch.entries.map(({ line, object, id, customer }) =>
      JSON.stringify([line, objectNames.indexOf(object), id ?? null, customer ?? null]),
    );
    writePrivate(this.#file(number, 'json'), body);
    writePrivate(this.#file(number, 'lines'), lines.join('\n'));
    const { customers, continues, entries } = batch;
    return {
      number,
      externalId,
      bytes: Buffer.byteLength(body),
      records: entries.length,
      customers,
      continues,
    };
  }

  /** Stores the plan. From then on, a run resumes it. */
  writePlan(plan: ImportPlan): void {
    writePrivate(join(this.path, 'plan.json'), JSON.stringify(plan));
  }

  async body({ number }: PlannedBatch): Promise<string> {
    return readFile(this.#file(number, 'json'), 'utf8');
  }

  /** Returns the parsed body of a request. */
  async content(batch: PlannedBatch): Promise<JsonObject> {
    const content = parseJson(await this.body(batch));
    return isJsonObject(content) ? content : {};
  }

  async lines({ number }: PlannedBatch): Promise<BatchLine[]> {
    const text = await readFile(this.#file(number, 'lines'), 'utf8');
    return text.split('\n').map((line) => {
      const [at, object, id, customer] = JSON.parse(line) as [number, number, string | null, string | null];
      return {
        line: at,
        object: objectNames[object] ?? 'customer',
        id: id ?? undefined,
        customer: customer ?? undefined,
      };
    });
  }

  /** Returns the last entry of each request. A line that a kill left incomplete is ignored. */
  readJournal(): Map<string, JournalEntry> {
    const entries = new Map<string, JournalEntry>();
    for (const line of (readPrivate(this.#journal) ?? '').split('\n')) {
      const entry = parsedEntry(line);
      if (entry !== undefined) entries.set(entry.externalId, entry);
    }
    return entries;
  }

  appendJournal(entry: JournalEntry): void {
    const file = openPrivate(this.#journal);
    try {
      // The line break comes first, to end a line that a kill left incomplete.
      writeSync(file, `\n${JSON.stringify(entry)}`);
    } finally {
      closeSync(file);
    }
  }

  get reportPath(): string {
    return join(this.path, 'report.ndjson');
  }

  /**
   * Returns an empty folder for temporary files. Removes the files that a killed run left in it.
   */
  makeScratch(): string {
    this.removeScratch();
    makePrivateFolder(this.#scratch);
    return this.#scratch;
  }

  removeScratch(): void {
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  /**
   * Removes the requests. The journal and the report stay, so that a second run does not resend
   * requests that have ended.
   */
  removeBatches(): void {
    rmSync(this.#batches, { recursive: true, force: true });
  }

  /** Returns the folders of the other imports into the data source that have a plan. */
  others(): ImportFolder[] {
    return readdirSync(this.parent)
      .map((name) => join(this.parent, name))
      .filter((path) => path !== this.path && existsSync(join(path, 'plan.json')))
      .map((path) => new ImportFolder(path));
  }

  get #journal(): string {
    return join(this.path, 'journal.ndjson');
  }

  get #scratch(): string {
    return join(this.path, 'scratch');
  }

  get #batches(): string {
    return join(this.path, 'batches');
  }

  #file(number: number, ending: string): string {
    return join(this.#batches, `${String(number).padStart(6, '0')}.${ending}`);
  }
}

function parsedEntry(line: string): JournalEntry | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as JournalEntry);
  } catch {
    return undefined;
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
