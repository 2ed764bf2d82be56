import { several } from '../../core/terminal/amounts.ts';
import { textTable, type Column } from '../../core/terminal/columns.ts';
import { megabytes } from './export-progress.ts';
import type { ExportReport } from './export.ts';
import type { ExportedFile, ExportedView } from './manifest.ts';

const columns: readonly Column<ExportedView>[] = [
  { head: 'view', of: ({ name }) => name },
  { head: 'rows', of: (view) => rowsOf(view, 'rows') },
  { head: 'deleted', of: (view) => rowsOf(view, 'deletes') },
  { head: 'size', of: ({ files }) => megabytes(bytesOf(files)) },
  { head: 'holds', of: ({ mode }) => (mode === 'full' ? 'all rows' : 'changes') },
];

/** Formats the result of an export. @param place the target, without a password. */
export function exportSummary({ manifest, unchanged, kept }: ExportReport, place: string): string {
  const { views } = manifest;
  const files = views.flatMap((view) => view.files);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const total =
    views.length === 0
      ? `nothing has changed in ${several(unchanged.length, 'view')} since the last export to ${place}`
      : `${several(views.length, 'view')}, ${several(rows, 'row')}, ${megabytes(bytesOf(files))} in ${place}`;
  return [
    ...(views.length === 0 ? [] : [textTable(columns, views), '']),
    total,
    ...(views.length > 0 && unchanged.length > 0 ? [`unchanged: ${unchanged.join(', ')}`] : []),
    ...(kept > 0 ? [`${several(kept, 'file')} kept from an unfinished export`] : []),
  ].join('\n');
}

function rowsOf({ files }: ExportedView, holds: ExportedFile['holds']): number {
  return files.filter((file) => file.holds === holds).reduce((sum, file) => sum + file.rows, 0);
}

function bytesOf(files: readonly ExportedFile[]): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}
