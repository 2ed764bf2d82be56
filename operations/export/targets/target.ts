import type { Readable } from 'node:stream';
import type { Form } from '../column-sql.ts';
import type { ExportableView } from '../exportable-views.ts';
import type { ExportedFile, Manifest } from '../manifest.ts';

/** A file to write, or a table of a database. */
export interface NewFile {
  readonly name: string;
  readonly columns: ExportableView['columns'];
}

/**
 * A destination of exports. An export writes its files where readers do not see them, and then
 * publishes them together. All methods throw TargetFailedError, ConfigError or the signal's reason.
 */
export interface Target {
  readonly form: Form;
  /** Whether changes are merged into the target's tables. Otherwise, readers apply them. */
  readonly mergesChanges: boolean;
  /** Returns the published manifest; undefined if there is none in the current format. */
  readManifest(): Promise<Manifest | undefined>;
  /** Returns the manifest of an unfinished export; undefined if there is none. */
  readUnfinished(): Promise<Manifest | undefined>;
  /** Returns whether a file of the unfinished export still exists and is unchanged. */
  has(file: ExportedFile): Promise<boolean>;
  /** Starts an export, and removes the files of an unfinished one. */
  start(manifest: Manifest): Promise<void>;
  /** Removes the files of the unfinished export. */
  discard(): Promise<void>;
  /** Writes a file, and replaces any file of the same name. */
  write(file: NewFile, bytes: Readable, signal: AbortSignal): Promise<void>;
  /** Stores the manifest of the unfinished export. */
  save(manifest: Manifest): Promise<void>;
  /** Publishes the files. @param earlier the manifest that was published before. */
  publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Returns the name of a view's file. */
export function fileName(form: Form, view: string, holds: ExportedFile['holds']): string {
  const name = holds === 'rows' ? view : `${view}.deleted`;
  return form === 'postgres' ? name : `${name}.${form}`;
}
