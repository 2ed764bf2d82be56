import { certificateFault, type ConnectionFault } from '../http/certificate-fault.ts';
import type { Settings } from '../settings/config.ts';

const certificateAlert = /_ALERT_([A-Z]+_)?CERTIFICATE|_ALERT_UNKNOWN_CA$/;

/** Returns the cause of an error from kafkajs if the broker or TLS states it. */
export function connectionFault(error: Error, { tls, sasl }: Settings['kafka']): ConnectionFault | undefined {
  const code = 'code' in error ? String(error.code) : '';
  const type = 'type' in error ? String(error.type) : '';
  const certificate = certificateFault(
    error,
    'KAFKA_SSL_CA_FILE',
    'KAFKA_BROKERS and in advertised.listeners',
  );
  if (certificate !== undefined) return certificate;
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
      what: 'does not accept a login on this port',
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
 * Returns the probable cause if, at the first contact, Kafka closed the connection or did not begin
 * TLS. Kafka does not report the cause, and may also be starting or stopping.
 */
export function closedAtOnce(error: Error, { tls, sasl }: Settings['kafka']): ConnectionFault | undefined {
  const code = 'code' in error ? String(error.code) : '';
  const isBeforeTls = code === 'ECONNRESET' && error.message.includes('secure TLS');
  if (isBeforeTls || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return {
      what: 'it does not use TLS on this port',
      remedy: 'if its port has no TLS, set KAFKA_SSL=false',
    };
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
