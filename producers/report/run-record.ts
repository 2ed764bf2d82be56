import { EtlError, messageOf } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { requestsPerSecond, type StreamCounts } from './stream-counts.ts';

/**
 * Returns the results of a run for one stream, as a record of the stream `runs`. `run` is a UUID.
 */
export function runRecord(run: string, counts: StreamCounts): JsonObject {
  const { requests, seconds, startedAtMs } = counts;
  return {
    run,
    stream: counts.stream,
    started_at: startedAtMs === 0 ? null : new Date(startedAtMs).toISOString(),
    finished_at: startedAtMs === 0 ? null : new Date(startedAtMs + seconds * 1000).toISOString(),
    outcome: outcomeOf(counts),
    failure: counts.failure === undefined ? null : messageOf(counts.failure),
    failure_code: counts.failure instanceof EtlError ? counts.failure.code : null,
    absence: counts.isAbsent ? (counts.absence ?? null) : null,
    is_resumed: counts.isResumed,
    seconds,
    requests_per_second: requestsPerSecond(requests, seconds),
    pages: counts.pages,
    requests,
    retries: counts.retries,
    rate_limited: counts.rateLimited,
    records: counts.records,
    new: counts.new,
    changed: counts.changed,
    unchanged: counts.unchanged,
    deleted: counts.deleted,
    dead_lettered: counts.deadLettered,
    discarded: counts.discarded,
    denied: counts.denied,
    messages: counts.messages,
    bytes: counts.bytes,
    new_fields: counts.newFields.map(({ field, type }) => `${field} (${type})`),
  };
}

/** Reports a stopped stream as stopped, although its failure is set to the signal's reason. */
function outcomeOf({ isAbsent, state, failure }: StreamCounts): 'done' | 'failed' | 'stopped' | 'absent' {
  if (isAbsent) return 'absent';
  if (state === 'stopped') return 'stopped';
  if (state === 'failed' || failure !== undefined) return 'failed';
  return state === 'done' ? 'done' : 'stopped';
}
