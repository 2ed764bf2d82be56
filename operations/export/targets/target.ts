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
 * A place that holds exports. An export writes its files where readers do not see them, and then
 * publishes them together. All methods throw TargetFailedError, ConfigError or the signal's reason.
 */
export interface Target {
  readonly form: Form;
  /** Whether changes become rows of its tables. Otherwise readers apply them. */
  readonly mergesChanges: boolean;
  /** Returns the manifest of what readers see; undefined if there was no export. */
  readManifest(): Promise<Manifest | undefined>;
  /** Returns the manifest of an unfinished export; undefined if there is none. */
  readUnfinished(): Promise<Manifest | undefined>;
  /** Returns whether a file of the unfinished export is still there, unchanged. */
  has(file: ExportedFile): Promise<boolean>;
  /** Starts an export, and removes what an unfinished one has written. */
  start(manifest: Manifest): Promise<void>;
  /** Removes what the unfinished export has written. */
  discard(): Promise<void>;
  /** Writes a file and replaces one of its name. */
  write(file: NewFile, bytes: Readable, signal: AbortSignal): Promise<void>;
  /** Stores the manifest of the unfinished export. */
  save(manifest: Manifest): Promise<void>;
  /** Shows the files to readers. @param earlier the manifest that they see until then. */
  publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Returns the name of the file of a view. */
export function fileName(form: Form, view: string, holds: ExportedFile['holds']): string {
  const name = holds === 'rows' ? view : `${view}.deleted`;
  return form === 'postgres' ? name : `${name}.${form}`;
}
