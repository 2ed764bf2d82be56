/** The progress of an export. Progress lines read it while it changes. */
export class ExportCounts {
  /** Files of the export, as far as they are known. */
  files = 0;
  /** Files that were written, or kept from an unfinished export. */
  done = 0;
  kept = 0;
  rows = 0;
  bytes = 0;
  /** The file that is being written. */
  current: { readonly name: string; bytes: number; readonly startedMs: number } | undefined;
  state: 'reading' | 'publishing' = 'reading';
}
