import { grouped, several } from '../../core/terminal/amounts.ts';
import { cut } from '../../core/terminal/columns.ts';
import type { SourceProgress } from './source/compare-stream.ts';

/** The current step of a stream's comparison. It changes while it is shown. */
export interface StreamProgress {
  readonly stream: string;
  doing: string;
  read: number;
  /**
   * Number of offsets to read. The topic may have fewer messages, because compaction leaves gaps.
   */
  messages: number;
}

/** The progress of a comparison. It changes while it is shown. */
export class ReconcileProgress {
  /** Number of streams whose topics and tables are compared; 0 until it is known. */
  streams = 0;
  compared = 0;
  readonly active = new Set<StreamProgress>();
  /** Sources that are being read or have been read, by stream. */
  readonly sources = new Map<string, SourceProgress>();
}

/** Returns lines such as `customers  reading the topic  1,200 of 5,000 messages`. */
export function progressLines({ active, sources }: ReconcileProgress, width: number): string[] {
  const compared = [...active].map(({ stream, doing, read, messages }) => {
    const share = `${grouped(read)} of ${several(messages, 'message')}`;
    return [stream, doing, ...(read > 0 ? [share] : [])];
  });
  const read = [...sources.values()].map(({ stream, pages, records }) => {
    const amount = `${several(pages, 'page')}  ${several(records, 'record')}`;
    return [stream, 'reading the source', amount];
  });
  return [...compared, ...read].map((parts) => cut(parts.join('  '), width));
}
