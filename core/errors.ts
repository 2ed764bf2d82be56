import { foreignText } from './http/foreign-text.ts';
import { redactedInOwnWords } from './redact.ts';

/**
 * Every error class of the project, grouped by what to do next. Messages name the stream, topic, partition,
 * offset or setting and the cure; never a secret and never a record's content.
 */

/** Root of all errors raised on purpose. `code` is taken from the class, so a subclass cannot report its neighbour's. */
export abstract class EtlError extends Error {
  static readonly code: string = 'ETL_ERROR';
  readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = new.target.code;
  }
}

/** Back off and try the same thing again. */
export abstract class RetriableError extends EtlError {
  static override readonly code: string = 'ETL_RETRIABLE';
}

/** This one record cannot be handled; the rest can. */
export abstract class RecordError extends EtlError {
  static override readonly code: string = 'ETL_RECORD';
}

/** Nothing will get better by itself: stop this stream or process. */
export abstract class FatalError extends EtlError {
  static override readonly code: string = 'ETL_FATAL';
}

// ── Retriable ──────────────────────────────────────────────────────────────────────────────────

/** HTTP 429, or 503 for too many connections. `retryAfterMs` is the server's own wish, if it gave one. */
export class RateLimitedError extends RetriableError {
  static override readonly code = 'ETL_RATE_LIMITED';
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The source answered 5xx, tore the connection, sent half an answer, or did not answer in time. */
export class SourceUnavailableError extends RetriableError {
  static override readonly code = 'ETL_SOURCE_UNAVAILABLE';
}

/** Kafka, the registry or ClickHouse cannot be reached or is not ready. */
export class ServiceUnavailableError extends RetriableError {
  static override readonly code = 'ETL_SERVICE_UNAVAILABLE';
  readonly service: ServiceName | undefined;

  constructor(message: string, options: { service?: ServiceName; cause?: unknown } = {}) {
    super(message, options);
    this.service = options.service;
  }
}

export type ServiceName = 'Kafka' | 'the schema registry' | 'ClickHouse';

/** Another run works on the same streams: nothing was changed, a later try may find them free. */
export class RunActiveError extends RetriableError {
  static override readonly code = 'ETL_RUN_ACTIVE';
}

// ── Record ─────────────────────────────────────────────────────────────────────────────────────

/** A source record that cannot become a message: its primary key is absent or of the wrong type. */
export class UnkeyedRecordError extends RecordError {
  static override readonly code = 'ETL_UNKEYED_RECORD';
}

/** A source record nested so deeply that its text cannot be made. */
export class NestedTooDeeplyError extends RecordError {
  static override readonly code = 'ETL_NESTED_TOO_DEEPLY';
}

/** A source record with fields or values that its frozen schema does not take. */
export class FrozenSchemaError extends RecordError {
  static override readonly code = 'ETL_FROZEN_SCHEMA';
}

/** A source record with more bytes than Kafka takes, or with more fields than its schema can learn. */
export class OversizedRecordError extends RecordError {
  static override readonly code = 'ETL_OVERSIZED_RECORD';
}

/** A message whose bytes are not what its schema says. */
export class DecodeError extends RecordError {
  static override readonly code = 'ETL_DECODE';
}

/** A message that names a schema which the registry does not have, or which is no Avro record. */
export class UnknownSchemaError extends RecordError {
  static override readonly code = 'ETL_UNKNOWN_SCHEMA';
}

/** A row that ClickHouse refuses for what is in it, such as a violated constraint. */
export class RowRejectedError extends RecordError {
  static override readonly code = 'ETL_ROW_REJECTED';
}

// ── Fatal ──────────────────────────────────────────────────────────────────────────────────────

/** A setting or an argument is wrong. The process ends with exit code 2. */
export class ConfigError extends FatalError {
  static override readonly code = 'ETL_CONFIG';
}

/** The source refuses the key: 401, or 403 on `/ping` too. */
export class AuthenticationError extends FatalError {
  static override readonly code = 'ETL_AUTHENTICATION';
}

/** Another producer of the same stream has begun: this one may send nothing more. */
export class FencedError extends FatalError {
  static override readonly code = 'ETL_FENCED';
}

/** More of a stream would be deleted than is believed. */
export class MassDeleteError extends FatalError {
  static override readonly code = 'ETL_MASS_DELETE';
}

/** The stream whose records are the parents of this one's was not read. */
export class ParentFailedError extends FatalError {
  static override readonly code = 'ETL_PARENT_FAILED';
}

/** The source refuses the request as such (400, 422, …): a parameter or cursor that it does not take. */
export class RequestRefusedError extends FatalError {
  static override readonly code: string = 'ETL_REQUEST_REFUSED';
}

/** The source denies one address (403) to a key that works: the plan or the user's role lacks it. */
export class AccessDeniedError extends RequestRefusedError {
  static override readonly code: string = 'ETL_ACCESS_DENIED';
}

/** The source has no such list (404, 410): this account lacks the stream. */
export class StreamNotFoundError extends FatalError {
  static override readonly code = 'ETL_STREAM_NOT_FOUND';
}

/** The source's answer is not what a list of this stream looks like. */
export class UnexpectedAnswerError extends FatalError {
  static override readonly code = 'ETL_UNEXPECTED_ANSWER';
}

/** A page pointed at a cursor that was read before: following it would never end. */
export class PaginationLoopError extends FatalError {
  static override readonly code = 'ETL_PAGINATION_LOOP';
}

/** The registry refuses a schema, or a table cannot take it. */
export class IncompatibleSchemaError extends FatalError {
  static override readonly code = 'ETL_INCOMPATIBLE_SCHEMA';
}

/** Kafka, the registry or ClickHouse refused what we asked: a wrong password, a missing right, a bad query. */
export class ServiceRefusedError extends FatalError {
  static override readonly code = 'ETL_SERVICE_REFUSED';
}

/** The stream's table or view would have the name of another stream's. */
export class NameTakenError extends FatalError {
  static override readonly code = 'ETL_NAME_TAKEN';
}

/** There is no such topic: it was deleted, or never made. */
export class TopicGoneError extends FatalError {
  static override readonly code = 'ETL_TOPIC_GONE';
}

/** A materialized view on a table throws, or has lost its target: no row of the table gets by. */
export class ViewFailedError extends FatalError {
  static override readonly code = 'ETL_VIEW_FAILED';
}

/** What Kafka has of a log is no record batch, or one that is compressed in a way that we cannot undo. */
export class UnreadableBatchError extends FatalError {
  static override readonly code = 'ETL_UNREADABLE_BATCH';
  /** By this kafkajs tells that it need not ask again. */
  readonly retriable = false;
}

/** A signal ended the work before it was done. */
export class StoppedError extends FatalError {
  static override readonly code = 'ETL_STOPPED';
}

/** A replay that would do harm, or cannot be done. Nothing was changed. */
export class ReplayRefusedError extends FatalError {
  static override readonly code = 'ETL_REPLAY_REFUSED';
}

/** A local service did not start, or is not installed. */
export class LocalServiceError extends FatalError {
  static override readonly code = 'ETL_LOCAL_SERVICE';
}

/**
 * @param at the service's address and, in brackets, the setting that holds it.
 * @param prefix what was being done.
 */
export function notAnswering(
  service: ServiceName,
  at: string,
  cause: unknown,
  { reason = messageOf(cause), prefix = '' }: { readonly reason?: string; readonly prefix?: string } = {},
): ServiceUnavailableError {
  const remedy = 'for local services run `npm run services -- up`';
  const message = `${prefix}${service} does not answer at ${at}: ${reason}; ${remedy}`;
  return new ServiceUnavailableError(message, { service, cause });
}

/**
 * The message of anything thrown, for a line of a log. An error of other code may quote another
 * program: its message becomes one truncated line.
 */
export function messageOf(error: unknown): string {
  if (error instanceof EtlError) return redactedInOwnWords(error.message);
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return foreignText(error instanceof Error ? error.message : String(error));
}
