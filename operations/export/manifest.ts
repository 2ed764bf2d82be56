import { createHash } from 'node:crypto';
import type { Cut } from './cut.ts';

/** The exported rows of a view: all, or those that changed since an earlier export or a time. */
export type Mode = 'full' | 'changes';

export interface ExportedColumn {
  readonly name: string;
  /** Type in ClickHouse. */
  readonly type: string;
  readonly comment: string;
}

/** A finished file or, in a database, a finished table. */
export interface ExportedFile {
  /** The file name, such as `customers.parquet`; in a database, the table name. */
  readonly name: string;
  /** `deletes`: the keys of rows to delete. */
  readonly holds: 'rows' | 'deletes';
  readonly rows: number;
  readonly bytes: number;
  /** Digest of the bytes as ClickHouse sent them, in hexadecimal. */
  readonly sha256: string;
}

export interface ExportedView {
  readonly name: string;
  /** The streams whose rows the view shows. */
  readonly streams: readonly string[];
  readonly mode: Mode;
  /** The columns that identify a row; null if a view has no such columns. */
  readonly key: readonly string[] | null;
  readonly columns: readonly ExportedColumn[];
  /** The files reflect every message up to this cut. */
  readonly cut: Cut;
  /** The shape that the view had when its files were written. */
  readonly shape: string;
  readonly files: readonly ExportedFile[];
}

/** The contents of an export. */
export interface Manifest {
  readonly version: 1;
  readonly id: string;
  readonly database: string;
  readonly startedAt: string;
  /** Null while the export is unfinished. */
  readonly finishedAt: string | null;
  /** A time, or the id of the export that this one continues; null for a full export. */
  readonly since: string | null;
  readonly views: readonly ExportedView[];
  /** The state from which an export with `--since last` continues. */
  readonly upTo: {
    /** The id of the latest export that was full or used `--since last`. */
    readonly id: string;
    readonly views: Readonly<Record<string, ViewState>>;
  };
}

/** The state of a view at its latest export. */
export interface ViewState {
  readonly cut: Cut;
  /** Digest of the names and types of the view's columns, and of its query. */
  readonly shape: string;
}

export function shapeOf(view: {
  readonly columns: readonly Pick<ExportedColumn, 'name' | 'type'>[];
  readonly query: string;
}): string {
  const shape = JSON.stringify([view.columns.map(({ name, type }) => [name, type]), view.query]);
  return createHash('sha256').update(shape).digest('hex').slice(0, 16);
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * Returns the manifest that readers see once these views have replaced earlier ones with the same
 * names.
 */
export function mergedManifest(manifest: Manifest, earlier: Manifest | undefined): Manifest {
  const replaced = new Set(manifest.views.map(({ name }) => name));
  const kept = (earlier?.views ?? []).filter(({ name }) => !replaced.has(name));
  return { ...manifest, views: [...manifest.views, ...kept] };
}

/** Parses a manifest; undefined if the text is not a manifest, or has an unsupported version. */
export function parseManifest(text: string | undefined): Manifest | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return isManifest(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is Manifest {
  return (
    isObject(value) &&
    value['version'] === 1 &&
    // The id becomes a folder name. Without this check, a tampered manifest could point outside
    // the target.
    typeof value['id'] === 'string' &&
    /^\d{8}T\d{6}Z-[0-9a-f]{6}$/.test(value['id']) &&
    typeof value['startedAt'] === 'string' &&
    (value['finishedAt'] === null || typeof value['finishedAt'] === 'string') &&
    (value['since'] === null || typeof value['since'] === 'string') &&
    isList(value['views'], isView) &&
    isObject(value['upTo']) &&
    isText(value['upTo']['id']) &&
    isObject(value['upTo']['views']) &&
    Object.values(value['upTo']['views']).every(
      (state) => isObject(state) && isCut(state['cut']) && isText(state['shape']),
    )
  );
}

function isView(value: unknown): value is ExportedView {
  return (
    isObject(value) &&
    isName(value['name']) &&
    isList(value['streams'], isText) &&
    (value['mode'] === 'full' || value['mode'] === 'changes') &&
    (value['key'] === null || isList(value['key'], isText)) &&
    isList(value['columns'], isColumn) &&
    isCut(value['cut']) &&
    isText(value['shape']) &&
    isList(value['files'], isFile)
  );
}

function isColumn(value: unknown): boolean {
  return isObject(value) && isText(value['name']) && isText(value['type']) && isText(value['comment']);
}

function isFile(value: unknown): boolean {
  return (
    isObject(value) &&
    isName(value['name']) &&
    (value['holds'] === 'rows' || value['holds'] === 'deletes') &&
    Number.isSafeInteger(value['rows']) &&
    Number.isSafeInteger(value['bytes']) &&
    /^[0-9a-f]{64}$/.test(String(value['sha256']))
  );
}

function isCut(value: unknown): boolean {
  return (
    isObject(value) &&
    Object.values(value).every(
      (table) =>
        isObject(table) &&
        isText(table['identity']) &&
        isList(
          table['partitions'],
          (place) =>
            isObject(place) &&
            isDigits(place['topicId']) &&
            Number.isSafeInteger(place['partition']) &&
            isDigits(place['offset']),
        ),
    )
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isDigits = (value: unknown) => isText(value) && /^-?\d{1,20}$/.test(value);
/** A name becomes part of a path: it must not lead out of the folder. */
const isName = (value: unknown): boolean => isText(value) && /^[A-Za-z0-9_]+(\.[a-z]+)*$/.test(value);
const isList = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isItem);
