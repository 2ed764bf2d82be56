import type { BackgroundProcess } from './background-process.ts';
import type { LocalAddress } from './local-address.ts';

export const serviceNames = ['kafka', 'registry', 'clickhouse'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** One local service: the processes it consists of, and how to tell that it works. */
export interface LocalService {
  readonly name: ServiceName;
  readonly address: LocalAddress;
  /** In the order they start; they stop in the opposite one. */
  readonly processes: readonly BackgroundProcess[];
  /** Starts the processes and returns without waiting for them to be ready. */
  start(signal: AbortSignal): Promise<void>;
  /** True once a client's first request would be answered. Answers within seconds and never throws. */
  isReady(): Promise<boolean>;
}
