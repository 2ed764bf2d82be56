import { cut, drawLive, grouped } from '../../core/terminal/live-cells.ts';
import { liveLines } from '../../core/terminal/live-lines.ts';

/** What is being done with a stream now; live. */
export interface StreamProgress {
  readonly stream: string;
  doing: string;
  /** Messages of the topic that were read. */
  read: number;
  /** As many there may be: compaction leaves gaps. */
  messages: number;
}

/** Draws a line for each stream at work. Does nothing where `out` is no terminal. */
export function startReconcileProgress(
  active: ReadonlySet<StreamProgress>,
  out: NodeJS.WriteStream,
): { stop(): void } {
  return drawLive(out, liveLines, (width, rows) => progressLines(active, width).slice(0, rows - 1));
}

/** `customers  reading the topic  1,200 of 5,000 messages` */
export function progressLines(active: ReadonlySet<StreamProgress>, width: number): string[] {
  return [...active].map(({ stream, doing, read, messages }) => {
    const share = `${grouped(read)} of ${grouped(messages)} messages`;
    return cut([stream, doing, ...(read > 0 ? [share] : [])].join('  '), width);
  });
}
