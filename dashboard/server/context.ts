import type { FastifyInstance } from 'fastify';
import type { Settings } from '../../core/settings/config.ts';
import type { Lanes } from './lane.ts';
import type { Status } from '../../operations/status/stream-status.ts';
import type { EventHub } from './live/event-hub.ts';

/** The context that every route may use. */
export interface Dashboard {
  readonly settings: Settings;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
  /** Live figures for all pages. */
  readonly events: EventHub;
  readonly lanes: Lanes;
  /** The latest status of all streams; undefined if there is none or it is old. */
  readonly latestStatus: () => Status | undefined;
  /** Reads the status of all streams. Callers share a read that is running. */
  readonly readStatus: () => Promise<Status>;
}

/** Adds a group of routes. */
export type Routes = (app: FastifyInstance, dashboard: Dashboard) => void;
