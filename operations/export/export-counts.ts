/** The progress of an export. Progress lines read it while it changes. */
export class ExportCounts {
  /** Files of the export, as far as they are known. */
  files = 0;
  /** Files that were written, or kept from an export that did not end. */
  done = 0;
  kept = 0;
  rows = 0;
  bytes = 0;
  /** The file that is written now. */
  current: { readonly name: string; bytes: number; readonly startedMs: number } | undefined;
  state: 'reading' | 'publishing' = 'reading';
}
