import { foreignText } from './http/foreign-text.ts';
import { redactedInOwnWords } from './redact.ts';

// Messages name the stream, topic, partition, offset or setting and the remedy; never a secret and
// never a record's content.

/** Base class of this project's own errors. An error always has the code of its own class. */
export abstract class EtlError extends Error {
  static readonly code: string = 'ETL_ERROR';
  readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = new.target.code;
  }
}

/** Retry the same work after a wait. */
export abstract class RetriableError extends EtlError {}

/** Reject this record; the others are not affected. */
export abstract class RecordError extends EtlError {}

/** Stop this stream or process: a retry cannot help. */
export abstract class FatalError extends EtlError {}

/** The source returned 429 or 503. `retryAfterMs` is the wait that it asked for. */
export class RateLimitedError extends RetriableError {
  static override readonly code = 'ETL_RATE_LIMITED';
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * The source did not respond, its certificate was rejected, or its response was 408, 5xx other
 * than 503, not JSON, incomplete, or unreadable for another reason.
 */
export class SourceUnavailableError extends RetriableError {
  static override readonly code = 'ETL_SOURCE_UNAVAILABLE';
}

/**
 * Kafka, the registry, ClickHouse or the OAuth server cannot be reached, or has a fault that may be
 * temporary.
 */
export class ServiceUnavailableError extends RetriableError {
  static override readonly code = 'ETL_SERVICE_UNAVAILABLE';
  readonly service: ServiceName | undefined;

  constructor(message: string, options: { service?: ServiceName; cause?: unknown } = {}) {
    super(message, options);
    this.service = options.service;
  }
}

export type ServiceName = 'Kafka' | 'the schema registry' | 'ClickHouse';

/**
 * Another run is working on the same streams, or another import on the same data source. Nothing was
 * changed; a later attempt may succeed.
 */
export class RunActiveError extends RetriableError {
  static override readonly code = 'ETL_RUN_ACTIVE';
}

/**
 * A source record cannot become a message: it is not an object, or a field of its primary key, or
 * another field that must not be null, is absent or of the wrong type.
 */
export class UnkeyedRecordError extends RecordError {
  static override readonly code = 'ETL_UNKEYED_RECORD';
}

/** A source record is nested too deeply to be written as JSON. */
export class NestedTooDeeplyError extends RecordError {
  static override readonly code = 'ETL_NESTED_TOO_DEEPLY';
}

/** A source record has fields or values that its frozen schema does not accept. */
export class FrozenSchemaError extends RecordError {
  static override readonly code = 'ETL_FROZEN_SCHEMA';
}

/** A source record has more bytes than Kafka accepts, or more fields than its schema can add. */
export class OversizedRecordError extends RecordError {
  static override readonly code = 'ETL_OVERSIZED_RECORD';
}

/** A request to the webhook receiver is not a ChartMogul event. */
export class NotAnEventError extends RecordError {
  static override readonly code = 'ETL_NOT_AN_EVENT';
}

/**
 * A message cannot become a row: it is not framed, its bytes do not match its schema, a value
 * exceeds a limit or does not fit its column, or a delete does not identify a row.
 */
export class DecodeError extends RecordError {
  static override readonly code = 'ETL_DECODE';
}

/** A message names a schema that the registry lacks, or that the sink cannot use for the table. */
export class UnknownSchemaError extends RecordError {
  static override readonly code = 'ETL_UNKNOWN_SCHEMA';
}

/**
 * ClickHouse rejects a row because of its content, for example because it violates a constraint.
 */
export class RowRejectedError extends RecordError {
  static override readonly code = 'ETL_ROW_REJECTED';
}

/** A setting or an argument is wrong. The process ends with exit code 2. */
export class ConfigError extends FatalError {
  static override readonly code = 'ETL_CONFIG';
}

/** The source refuses the API key: it returned 401, or 403 even for `/ping`. */
export class AuthenticationError extends FatalError {
  static override readonly code = 'ETL_AUTHENTICATION';
}

/**
 * Another producer of the same stream, or another redrive, has started: this one must not send
 * anything more.
 */
export class FencedError extends FatalError {
  static override readonly code = 'ETL_FENCED';
}

/** A run would delete more than MASS_DELETE_PERCENT of a stream. */
export class MassDeleteError extends FatalError {
  static override readonly code = 'ETL_MASS_DELETE';
}

/** The stream that contains this stream's parent records was not read to its end. */
export class ParentFailedError extends FatalError {
  static override readonly code = 'ETL_PARENT_FAILED';
}

/**
 * The source refuses the request itself (400, 422, …), for example because of a parameter or
 * cursor.
 */
export class RequestRefusedError extends FatalError {
  static override readonly code: string = 'ETL_REQUEST_REFUSED';
}

/**
 * The source denies one path (403) to a valid key: the plan or the user's role does not include it.
 */
export class AccessDeniedError extends RequestRefusedError {
  static override readonly code: string = 'ETL_ACCESS_DENIED';
}

/** The source has no such list (404, 410): this account lacks the stream. */
export class StreamNotFoundError extends FatalError {
  static override readonly code = 'ETL_STREAM_NOT_FOUND';
}

/**
 * The source's response has an unexpected status or shape, is too large, or contains records from
 * which no schema can be inferred.
 */
export class UnexpectedAnswerError extends FatalError {
  static override readonly code = 'ETL_UNEXPECTED_ANSWER';
}

/** The pages of a list repeat, or too many in a row are empty: reading the list might never end. */
export class PaginationLoopError extends FatalError {
  static override readonly code = 'ETL_PAGINATION_LOOP';
}

/**
 * A schema is missing or not one that this project can use, the registry refuses it, or a table or
 * view does not fit it.
 */
export class IncompatibleSchemaError extends FatalError {
  static override readonly code = 'ETL_INCOMPATIBLE_SCHEMA';
}

/**
 * Kafka, the registry, ClickHouse or the OAuth server refused a request, for example because of a
 * wrong password, a missing privilege or an invalid query, or returned an unexpected response.
 */
export class ServiceRefusedError extends FatalError {
  static override readonly code = 'ETL_SERVICE_REFUSED';
}

/**
 * The stream's table or view would have the same name as a table or view of another stream, or the
 * table holds rows of another topic.
 */
export class NameTakenError extends FatalError {
  static override readonly code = 'ETL_NAME_TAKEN';
}

/** The topic does not exist: it was deleted, or never created. */
export class TopicGoneError extends FatalError {
  static override readonly code = 'ETL_TOPIC_GONE';
}

/** A materialized view on a table throws, or lacks its target, so inserts into the table fail. */
export class ViewFailedError extends FatalError {
  static override readonly code = 'ETL_VIEW_FAILED';
}

/**
 * A partition contains a record batch that is invalid, is too large when decompressed, or uses an
 * unknown compression.
 */
export class UnreadableBatchError extends FatalError {
  static override readonly code = 'ETL_UNREADABLE_BATCH';
  /** kafkajs reads this flag to skip retries. */
  readonly retriable = false;
}

/** The work was ended before it was done, for example by a signal or a rebalance. */
export class StoppedError extends FatalError {
  static override readonly code = 'ETL_STOPPED';
}

/**
 * A replay is impossible or would lose rows, and nothing was changed; or it could not verify the new
 * table after the swap.
 */
export class ReplayRefusedError extends FatalError {
  static override readonly code = 'ETL_REPLAY_REFUSED';
}

/**
 * The target of an export cannot be used, for example because of a full disk, a missing permission,
 * a wrong password or a lost connection.
 */
export class TargetFailedError extends FatalError {
  static override readonly code = 'ETL_TARGET_FAILED';
}

/** A local service or the simulator did not start or stop, or is not installed. */
export class LocalServiceError extends FatalError {
  static override readonly code = 'ETL_LOCAL_SERVICE';
}

/**
 * @param at the service's address, followed by the name of its setting in brackets.
 * @param prefix the work that failed, with a colon; empty if unknown.
 */
export function notAnswering(
  service: ServiceName,
  at: string,
  cause: unknown,
  { reason = messageOf(cause), prefix = '' }: { readonly reason?: string; readonly prefix?: string } = {},
): ServiceUnavailableError {
  const remedy = 'for local services, run `npm run services -- up`';
  const message = `${prefix}${service} does not respond at ${at}: ${reason}; ${remedy}`;
  return new ServiceUnavailableError(message, { service, cause });
}

/**
 * Returns an error's message for a log line. Errors from other code may quote another program, so
 * their messages become one truncated line.
 */
export function messageOf(error: unknown): string {
  if (error instanceof EtlError) return redactedInOwnWords(error.message);
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return foreignText(error instanceof Error ? error.message : String(error));
}
