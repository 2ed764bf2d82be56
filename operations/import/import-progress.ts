import { byteSize, several, shortNumber } from '../../core/terminal/amounts.ts';
import { progressRows } from '../../core/terminal/progress-lines.ts';

/** The progress of an import. It changes while it is shown. */
export class ImportProgress {
  doing: 'reading' | 'checking' | 'sending' | 'verifying' = 'reading';
  /**
   * Depending on `doing`: bytes read, buckets checked (three passes), requests sent, or lists and
   * customers read.
   */
  done = 0;
  total = 0;
  records = 0;

  begin(doing: ImportProgress['doing'], total: number): void {
    this.doing = doing;
    this.done = 0;
    this.total = total;
    this.records = 0;
  }
}

/** Returns a line such as `sending  ██░░░░░░  7 of 21 requests  1.2M records`. */
export function importProgressLines(progress: ImportProgress, nowMs: number, width: number): string[] {
  const { doing, done, total, records } = progress;
  const amounts = {
    reading: `${byteSize(done)} of ${byteSize(total)}`,
    checking: `${done} of ${several(total, 'part')}`,
    sending: `${done} of ${several(total, 'request')}`,
    verifying: `${done} of ${several(total, 'lookup')}`,
  };
  const share = total === 0 || (doing === 'verifying' && done === 0) ? undefined : Math.min(1, done / total);
  const cells = [amounts[doing], `${shortNumber(records)} record${records === 1 ? '' : 's'}`];
  return progressRows([{ name: doing, share, cells }], nowMs, width);
}
