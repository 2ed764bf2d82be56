import type { readTopics } from '../../core/kafka/topic-reader.ts';
import type { MessageLimit } from '../../core/kafka/message-limits.ts';
import type { KeyTable } from '../state/key-table.ts';
import type { Parents } from './parents.ts';
import type { SourceConnections } from './source-connections.ts';

export interface RunOptions {
  /** Identifies the run in checkpoints and in the stream `runs`. */
  readonly run: string;
  /** Sends every record, even if unchanged. */
  readonly isFull: boolean;
  /** Allows deleting any number of records that are gone from the source. */
  readonly isMassDeleteAllowed: boolean;
  /**
   * Streams named by `--streams`, which fail if the account lacks them, unless they are optional.
   */
  readonly asked?: ReadonlySet<string>;
  /** Ends a run that is active on the same streams. */
  readonly isTakingOver?: boolean;
}

export interface RunContext extends Omit<SourceConnections, 'stop'> {
  readonly options: RunOptions;
  readonly deadLetters: KeyTable;
  readonly discarded: KeyTable;
  readonly messageLimit: MessageLimit;
  /** Replaced in unit tests. */
  readonly readTopics: typeof readTopics;
  /** Returns the records of a parent stream, once that stream has been produced. */
  readonly parentsOf: (stream: string) => Promise<Parents>;
}
