/** The progress of an export. It changes while it is shown. */
export class ExportCounts {
  /** Number of views, each of which counts as one file. */
  files = 0;
  /** Number of views that are finished: written, unchanged, or kept from an unfinished export. */
  done = 0;
  kept = 0;
  rows = 0;
  bytes = 0;
  /** The file that is being written. */
  current: { readonly name: string; bytes: number; readonly startedMs: number } | undefined;
  state: 'reading' | 'publishing' = 'reading';
}
