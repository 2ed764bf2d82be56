import { several, shortNumber } from '../../core/terminal/amounts.ts';
import { progressRows } from '../../core/terminal/progress-lines.ts';
import type { ExportCounts } from './export-counts.ts';

/** Returns lines such as `export  ██░░░░░░  7 of 21 files  48.1 MB`. */
export function exportLines(counts: ExportCounts, nowMs: number, width: number, rows: number): string[] {
  const { files, done, bytes, current, state } = counts;
  const total = {
    name: 'export',
    share: files === 0 ? undefined : done / files,
    cells: [`${done} of ${several(files, 'file')}`, megabytes(bytes + (current?.bytes ?? 0)), ''],
  };
  const seconds = current === undefined ? 0 : Math.max((nowMs - current.startedMs) / 1000, 0.1);
  const now =
    current === undefined
      ? { name: state, share: undefined, cells: ['', '', ''] }
      : {
          name: current.name,
          share: undefined,
          cells: ['', megabytes(current.bytes), `${megabytes(current.bytes / seconds)}/s`],
        };
  return progressRows([total, now], nowMs, width).slice(0, rows);
}

export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${shortNumber(bytes / 1e6)} MB`;
}
