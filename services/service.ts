import type { BackgroundProcess } from './background-process.ts';
import type { LocalAddress } from './local-address.ts';

/** The services in the order of their dependencies. */
export const serviceNames = ['kafka', 'registry', 'clickhouse'] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface LocalService {
  readonly name: ServiceName;
  readonly address: LocalAddress;
  /** The processes in the order in which they start; they stop in the reverse order. */
  readonly processes: readonly BackgroundProcess[];
  /** Starts the processes and returns without waiting for them to be ready. */
  start(signal: AbortSignal): Promise<void>;
  /** Returns within seconds whether a client's first request would be answered. Never throws. */
  isReady(): Promise<boolean>;
}

export interface StartedService {
  readonly name: ServiceName;
  readonly address: string;
  /** Whether the service was already running. A caller that did not start it must not stop it. */
  readonly alreadyRunning: boolean;
}

export interface ServiceStatus {
  readonly name: ServiceName;
  readonly address: string;
  readonly running: boolean;
  /**
   * Process ids and memory, the name of the container, or a note that another program listens on
   * the address; may be empty.
   */
  readonly details: string;
}

export interface Host {
  start(signal: AbortSignal): Promise<readonly StartedService[]>;
  stop(): Promise<void>;
  status(): Promise<readonly ServiceStatus[]>;
}
