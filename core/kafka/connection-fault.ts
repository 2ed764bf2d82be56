import { foreignText } from '../http/foreign-text.ts';
import type { Settings } from '../settings/config.ts';

/** Why Kafka and these settings do not fit, and what to do. */
export interface ConnectionFault {
  /** Follows the name and address of Kafka. */
  readonly what: string;
  readonly remedy: string;
}

const untrusted =
  /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?)$/;
const certificateAlert = /_ALERT_([A-Z]+_)?CERTIFICATE|_ALERT_UNKNOWN_CA$/;

/** Returns what an error of kafkajs, from the broker or from TLS, says for sure. */
export function connectionFault(error: Error, { tls, sasl }: Settings['kafka']): ConnectionFault | undefined {
  const code = 'code' in error ? String(error.code) : '';
  const type = 'type' in error ? String(error.type) : '';
  if (untrusted.test(code))
    return {
      what: `has a certificate that is not trusted: ${reasonOf(error)}`,
      remedy: 'set KAFKA_SSL_CA_FILE to the certificate of its CA',
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      what: `has a certificate of another host: ${reasonOf(error)}`,
      remedy: 'use a name of the certificate in KAFKA_BROKERS and in advertised.listeners',
    };
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return {
      what: `has a certificate that ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`,
      remedy: 'renew it (or its CA in KAFKA_SSL_CA_FILE), or correct the clock of this machine',
    };
  if (certificateAlert.test(code) && tls?.client === undefined)
    return {
      what: 'requires a client certificate',
      remedy: 'set KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE',
    };
  if (certificateAlert.test(code))
    return {
      what: 'refuses the client certificate',
      remedy: 'set KAFKA_SSL_CERT_FILE to a certificate whose CA the brokers trust',
    };
  if (type === 'ILLEGAL_SASL_STATE')
    return {
      what: 'accepts no login at this port',
      remedy: 'set KAFKA_BROKERS to a port with SASL, or unset KAFKA_SASL_MECHANISM',
    };
  if (type === 'UNSUPPORTED_SASL_MECHANISM')
    return {
      what: `does not offer SASL ${sasl?.mechanism ?? 'with this mechanism'}`,
      remedy: 'set KAFKA_SASL_MECHANISM to a mechanism that it offers',
    };
  return undefined;
}

/**
 * Returns what a connection that Kafka closed at the first contact probably lacks: Kafka does not
 * say it, and may also be about to start or stop.
 */
export function closedAtOnce(error: Error, { tls, sasl }: Settings['kafka']): ConnectionFault | undefined {
  const code = 'code' in error ? String(error.code) : '';
  const isBeforeTls = code === 'ECONNRESET' && error.message.includes('secure TLS');
  if (isBeforeTls || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return { what: 'it does not answer with TLS', remedy: 'if its port has no TLS, set KAFKA_SSL=false' };
  if (error.name !== 'KafkaJSConnectionClosedError') return undefined;
  const what = 'it closed the connection';
  const login = 'a login, set KAFKA_SASL_MECHANISM';
  if (tls === undefined)
    return {
      what,
      remedy: `if its port requires TLS, set KAFKA_SSL=true${sasl ? '' : `, and if it requires ${login}`}`,
    };
  return sasl === undefined ? { what, remedy: `if its port requires ${login}` } : undefined;
}

/** Returns Node's reason without the words with which its message begins. */
function reasonOf({ message }: Error): string {
  const reason = message.replace(/^Connection error: /, '').replace(/^Hostname\/IP does not match .*?: /, '');
  return foreignText(reason.replace(/:\s*$/, ''));
}
