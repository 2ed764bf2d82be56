import type { Settings } from '../settings/config.ts';
import {
  EtlError,
  messageOf,
  notAnswering,
  ServiceRefusedError,
  ServiceUnavailableError,
} from '../errors.ts';
import { denialOf } from './kafkajs-denials.ts';
import { closedAtOnce, connectionFault } from './connection-fault.ts';

/**
 * Translates a failure of kafkajs, which it recognizes by name and fields. Errors of this project
 * pass unchanged.
 * @param isFirstContact whether a closed connection may mean a wrong setting.
 */
export function kafkaError(
  error: unknown,
  settings: Settings['kafka'],
  { isFirstContact = false } = {},
): EtlError {
  if (error instanceof EtlError) return error;
  const root = rootOf(error);
  if (root instanceof EtlError) return root;
  const at = `${settings.brokers.join(',')} (KAFKA_BROKERS)`;
  const reason = messageOf(root);
  const fault = root instanceof Error ? connectionFault(root, settings) : undefined;
  if (fault !== undefined)
    return new ServiceRefusedError(`Kafka at ${at} ${fault.what}; ${fault.remedy}`, { cause: error });
  if (root instanceof Error && /^KafkaJS.*SASL/i.test(root.name)) {
    const remedy =
      settings.sasl?.mechanism === 'oauthbearer'
        ? 'check KAFKA_OAUTH_TOKEN_URL and KAFKA_OAUTH_SCOPE, and the issuer and audience that the brokers expect'
        : 'check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM';
    const message = `Kafka at ${at} refuses the login: ${reason}; ${remedy}`;
    return new ServiceRefusedError(message, { cause: error });
  }
  const denial = root instanceof Error ? denialOf(root) : undefined;
  if (denial !== undefined) {
    const message = `Kafka at ${at} denies ${denial.operation} on ${denial.resource}; ${aclRemedy}`;
    return new ServiceRefusedError(message, { cause: error });
  }
  // The broker's own response, such as TOPIC_AUTHORIZATION_FAILED or MESSAGE_TOO_LARGE.
  if (root instanceof Error && 'type' in root && 'retriable' in root && root.retriable === false) {
    const topic = 'topic' in root ? ` for topic ${String(root.topic)}` : '';
    const remedy =
      root.type === 'INVALID_REPLICATION_FACTOR'
        ? '; set TOPIC_REPLICATION_FACTOR to at most the number of brokers'
        : '';
    const message = `Kafka at ${at} returned ${String(root.type)}${topic}: ${reason}${remedy}`;
    return new ServiceRefusedError(message, { cause: error });
  }
  const guess = isFirstContact && root instanceof Error ? closedAtOnce(root, settings) : undefined;
  if (guess === undefined) return kafkaNotAnswering(settings, reason, error);
  const message = `Kafka does not respond at ${at}: ${guess.what}; ${guess.remedy}`;
  return new ServiceUnavailableError(message, { service: 'Kafka', cause: error });
}

const aclRemedy = 'add the ACL (docs/security.md lists them by command)';

export function kafkaNotAnswering({ brokers }: Settings['kafka'], reason: string, cause?: unknown) {
  return notAnswering('Kafka', `${brokers.join(',')} (KAFKA_BROKERS)`, cause, { reason });
}

/** Translates errors of kafkajs and returns all others unchanged. */
export function toEtlError(error: unknown, settings: Settings['kafka']): unknown {
  return error instanceof Error && error.name.startsWith('KafkaJS') ? kafkaError(error, settings) : error;
}

/** Returns whether Kafka refused messages only because of their size. */
export function isTooLargeForKafka(error: unknown): boolean {
  return ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(answerTypeOf(error));
}

/** Returns whether the partition does not contain the offset that was requested. */
export function isOffsetOutOfRange(error: unknown): boolean {
  return answerTypeOf(error) === 'OFFSET_OUT_OF_RANGE';
}

/**
 * Returns the broker's error type, such as MESSAGE_TOO_LARGE; an empty string for any other error.
 */
function answerTypeOf(error: unknown): string {
  const { cause } = error instanceof EtlError ? error : { cause: error };
  const root = rootOf(cause);
  return root instanceof Error && 'type' in root ? String(root.type) : '';
}

/**
 * Returns the innermost error: kafkajs wraps the broker's error, sometimes twice. If an error
 * combines those of several topics, returns the first.
 */
function rootOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof EtlError) return error;
  if (error.cause instanceof Error) return rootOf(error.cause);
  const [first] = 'errors' in error && Array.isArray(error.errors) ? (error.errors as unknown[]) : [];
  return first === undefined ? error : rootOf(first);
}
