import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Registry } from '../../core/avro/registry.ts';
import type { Settings } from '../../core/settings/config.ts';
import type { MessageLimit } from '../../core/kafka/message-limits.ts';
import type { KeyTable } from '../state/key-table.ts';
import type { ChartMogulClient } from '../chartmogul/client.ts';
import type { Parents } from './parents.ts';

/** What a user may ask of a run. */
export interface RunOptions {
  /** Names the run, in checkpoints and in the stream `runs`. */
  readonly run: string;
  /** Send every record, whether it changed or not. */
  readonly isFull: boolean;
  /** Believe the source, however much of a stream is gone. */
  readonly isMassDeleteAllowed: boolean;
  /** The streams that were asked for by name: one that the account lacks has failed. */
  readonly asked?: ReadonlySet<string>;
  /** End a run that is active on the same streams, in place of leaving it alone. */
  readonly isTakingOver?: boolean;
}

/** What the streams of a run share. */
export interface RunContext {
  readonly settings: Settings;
  readonly options: RunOptions;
  readonly client: ChartMogulClient;
  readonly registry: Registry;
  readonly admin: KafkaAdmin;
  readonly deadLetters: KeyTable;
  readonly discarded: KeyTable;
  readonly messageLimit: MessageLimit;
  /** The parents of a stream, once their stream has been produced. */
  readonly parentsOf: (stream: string) => Promise<Parents>;
  readonly signal: AbortSignal;
}
