import { foreignText } from './foreign-text.ts';

/** The reason why a connection with these settings fails, and the remedy. */
export interface ConnectionFault {
  /** Follows the name and address of the server. */
  readonly what: string;
  readonly remedy: string;
}

const untrusted =
  /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?)$/;

/**
 * Returns why TLS rejects the certificate of a server; undefined for any other error.
 * @param ca names the setting that holds a private CA.
 * @param address names the settings that hold the server's name.
 */
export function certificateFault(error: unknown, ca: string, address: string): ConnectionFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  if (untrusted.test(code))
    return {
      what: `has a certificate that is not trusted: ${reasonOf(error)}`,
      remedy: `set ${ca} to the certificate of its CA`,
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      what: `has a certificate for another host: ${reasonOf(error)}`,
      remedy: `use a host name that the certificate contains in ${address}`,
    };
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return {
      what: `has a certificate that ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`,
      remedy: `renew it (or its CA in ${ca}), or correct the clock of this machine`,
    };
  return undefined;
}

/** Returns why TLS to the service's address fails; undefined for an unrecognized error. */
export function httpsFault(
  error: unknown,
  service: 'SCHEMA_REGISTRY' | 'CLICKHOUSE',
): ConnectionFault | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/wrong version number|packet length/i.test(error.message))
    return {
      what: 'does not use TLS on this port',
      remedy: `set ${service}_URL to its port with TLS, or to its http address`,
    };
  return certificateFault(error, `${service}_CA_FILE`, `${service}_URL`);
}

/** Returns the reason in Node's message, without the words that precede it. */
function reasonOf({ message }: Error): string {
  const reason = message.replace(/^Connection error: /, '').replace(/^Hostname\/IP does not match .*?: /, '');
  return foreignText(reason.replace(/:\s*$/, ''));
}
