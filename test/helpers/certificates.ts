import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

interface CertificateOptions {
  /** `subjectAltName`, such as `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
  /** Days of validity from now; 0 creates an expired certificate. */
  readonly days?: number;
  /** The password that encrypts the private key file. Without it, the key is not encrypted. */
  readonly keyPassword?: string;
}

/** Files in PEM format. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** A Kafka keystore: the unencrypted key followed by the certificate, in one file. */
  readonly keyStoreFile: string;
}

/** A CA for one test, in a folder that is removed after the test. */
export interface CertificateAuthority {
  readonly folder: string;
  readonly caFile: string;
  issue(commonName: string, options?: CertificateOptions): Certificate;
}

/** Creates a CA with openssl. */
export function createCertificateAuthority(t: TestContext, name = 'Test CA'): CertificateAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'chartmogul-certificates-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (ending: string) => join(folder, ending);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  return {
    folder,
    caFile: file('ca.pem'),
    issue(commonName, { names = `DNS:${commonName}`, days = 2, keyPassword } = {}) {
      const base = commonName.replaceAll(/[^A-Za-z0-9.-]/g, '-');
      const [request, plainKey, cert] = [`${base}.csr`, `${base}.key`, `${base}.pem`];
      openssl('req', ...newKey, '-subj', `/CN=${commonName}`, '-keyout', plainKey, '-out', request);
      writeFileSync(file(`${base}.ext`), `subjectAltName=${names}\n`);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${base}.ext`];
      openssl('x509', '-req', '-in', request, ...signer, '-days', String(days), '-out', cert);
      const keyStoreFile = file(`${base}.store.pem`);
      const texts = [plainKey, cert].map((part) => readFileSync(file(part), 'utf8'));
      writeFileSync(keyStoreFile, texts.join(''));
      if (keyPassword === undefined) return { certFile: file(cert), keyFile: file(plainKey), keyStoreFile };
      const encrypted = `${base}.encrypted.key`;
      openssl('pkcs8', '-topk8', '-in', plainKey, '-passout', `pass:${keyPassword}`, '-out', encrypted);
      return { certFile: file(cert), keyFile: file(encrypted), keyStoreFile };
    },
  };
}
