import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  manifestText,
  mergedManifest,
  parseManifest,
  type ExportedFile,
  type Manifest,
} from '../manifest.ts';
import type { NewFile, Target } from './target.ts';
import { inFolder, MANIFEST, readText, removeEmpty, WorkFolder, writeWhole } from './work-folder.ts';

/**
 * A folder with a file per view. An export of changes creates a separate folder in `changes`, and
 * leaves the files of the last full export unchanged.
 */
export class FolderTarget implements Target {
  readonly form: 'parquet' | 'csv';
  readonly mergesChanges = false;
  readonly #path: string;
  readonly #work: WorkFolder;

  private constructor(form: 'parquet' | 'csv', path: string) {
    this.form = form;
    this.#path = path;
    this.#work = new WorkFolder(join(path, '.unfinished'));
  }

  static async open(form: 'parquet' | 'csv', path: string): Promise<FolderTarget> {
    const target = new FolderTarget(form, path);
    await target.#work.claim();
    return target;
  }

  async readManifest(): Promise<Manifest | undefined> {
    return inFolder(this.#path, async () => parseManifest(await readText(join(this.#path, MANIFEST))));
  }

  readUnfinished(): Promise<Manifest | undefined> {
    return this.#work.readUnfinished();
  }

  async has(file: ExportedFile): Promise<boolean> {
    // If an export was killed while it was being published, some of its files may already be in the
    // final folder.
    return (await this.#work.has(file)) || new WorkFolder(this.#path).has(file);
  }

  start(): Promise<void> {
    return this.#work.clear();
  }

  discard(): Promise<void> {
    return this.#work.remove();
  }

  write({ name }: NewFile, bytes: Readable, signal: AbortSignal): Promise<void> {
    return this.#work.write(name, bytes, signal);
  }

  save(manifest: Manifest): Promise<void> {
    return this.#work.save(manifest);
  }

  async publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void> {
    await this.#work.save(manifest);
    await inFolder(this.#path, async () => {
      if (manifest.since !== null) return this.#publishChanges(manifest, earlier);
      for (const { name } of manifest.views.flatMap(({ files }) => files)) {
        const isThere = await this.#work.hasName(name);
        if (isThere) await rename(join(this.#work.path, name), join(this.#path, name));
      }
      await this.#writeManifest(mergedManifest(manifest, earlier));
      await this.#work.remove();
    });
  }

  /**
   * Publishes an export of changes. The files of the last full export stay unchanged. In their
   * manifest, only `upTo` changes: the state from which the next export continues.
   */
  async #publishChanges(manifest: Manifest, earlier: Manifest | undefined): Promise<void> {
    const folder = join(this.#path, 'changes');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A view that was written again may have fewer files than before.
    await this.#work.clear([
      MANIFEST,
      ...manifest.views.flatMap(({ files }) => files.map(({ name }) => name)),
    ]);
    await this.#work.moveTo(join(folder, manifest.id));
    if (earlier !== undefined) await this.#writeManifest({ ...earlier, upTo: manifest.upTo });
  }

  #writeManifest(manifest: Manifest): Promise<void> {
    return writeWhole(join(this.#path, MANIFEST), manifestText(manifest));
  }

  async close(): Promise<void> {
    await this.#work.release();
    await removeEmpty(this.#path);
  }
}
