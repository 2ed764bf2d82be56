import { grouped } from '../../core/terminal/amounts.ts';
import { cut } from '../../core/terminal/columns.ts';

/** The current step of a stream's comparison. It changes while it is shown. */
export interface StreamProgress {
  readonly stream: string;
  doing: string;
  read: number;
  /** Messages on the topic, at most: compaction leaves gaps. */
  messages: number;
}

/** Returns lines such as `customers  reading the topic  1,200 of 5,000 messages`. */
export function progressLines(active: ReadonlySet<StreamProgress>, width: number): string[] {
  return [...active].map(({ stream, doing, read, messages }) => {
    const share = `${grouped(read)} of ${grouped(messages)} messages`;
    return cut([stream, doing, ...(read > 0 ? [share] : [])].join('  '), width);
  });
}
