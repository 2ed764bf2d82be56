import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BackgroundProcess } from '../../services/background-process.ts';
import { brokerProperties, isKafkaReady, startBroker, type BrokerProperties } from '../../services/kafka.ts';
import { freePort } from '../../services/local-address.ts';
import type { CertificateAuthority } from './certificates.ts';
import { noSignal } from './settings.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { waitFor } from './wait-for.ts';

const START_MS = 120_000;

/** The security protocol of each listener. */
const listeners = {
  /** The listener for the test itself, without TLS or login, and with all rights. */
  open: 'PLAINTEXT',
  tls: 'SSL',
  /** Requires a client certificate. */
  mutual: 'SSL',
  /** Its certificate names another host. */
  misnamed: 'SSL',
  /** Its certificate has expired. */
  expired: 'SSL',
  /** Requires a login. */
  login: 'SASL_SSL',
  /** Requires a login with PLAIN, without TLS. */
  plain: 'SASL_PLAINTEXT',
} as const;
type Listener = keyof typeof listeners;

/** A broker with ACLs. Except for `open`, each listener requires TLS, a login or both. */
export interface SecureKafka {
  /** `host:port` by listener. */
  readonly addresses: Readonly<Record<Listener, string>>;
  readonly logPath: string;
}

interface SecureKafkaOptions {
  readonly ca: CertificateAuthority;
  /** Passwords by user, for PLAIN and SCRAM. */
  readonly users?: Readonly<Record<string, string>>;
  readonly issuer?: TokenIssuer;
}

/** Starts the broker, and removes it after the test. */
export async function createSecureKafka(
  t: TestContext,
  { ca, users = {}, issuer }: SecureKafkaOptions,
): Promise<SecureKafka> {
  const folder = await mkdtemp(join(tmpdir(), 'chartmogul-secure-kafka-'));
  const broker = new BackgroundProcess(folder, 'kafka');
  t.after(async () => {
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const names = Object.keys(listeners) as Listener[];
  const ports = await Promise.all(names.map(() => freePort()));
  const address = (name: Listener) => `127.0.0.1:${ports[names.indexOf(name)]}`;
  const good = ca.issue('127.0.0.1', { names: 'IP:127.0.0.1,DNS:localhost' }).keyStoreFile;
  const stores: Partial<Record<Listener, string>> = {
    tls: good,
    mutual: good,
    login: good,
    misnamed: ca.issue('kafka.example.com').keyStoreFile,
    expired: ca.issue('expired', { names: 'IP:127.0.0.1', days: 0 }).keyStoreFile,
  };
  const url = (name: Listener) => `${name.toUpperCase()}://${address(name)}`;
  const protocols = names.map((name) => `${name.toUpperCase()}:${listeners[name]}`);
  const keyStores = Object.fromEntries(
    Object.entries(stores).flatMap(([name, file]) => [
      [`listener.name.${name}.ssl.keystore.type`, 'PEM'],
      [`listener.name.${name}.ssl.keystore.location`, file],
    ]),
  );
  const plainUsers = Object.entries(users).map(([user, password]) => ` user_${user}="${password}"`);
  const plainLogin = loginModule('plain.PlainLoginModule', plainUsers.join(''));
  const properties = {
    ...brokerProperties(names.map(url), await freePort()),
    'listener.security.protocol.map': [...protocols, 'CONTROLLER:PLAINTEXT'].join(','),
    'inter.broker.listener.name': 'OPEN',
    ...keyStores,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca.caFile,
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.login.sasl.enabled.mechanisms': `PLAIN,SCRAM-SHA-256,SCRAM-SHA-512${issuer ? ',OAUTHBEARER' : ''}`,
    'listener.name.plain.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.plain.plain.sasl.jaas.config': plainLogin,
    'listener.name.login.plain.sasl.jaas.config': plainLogin,
    'listener.name.login.scram-sha-256.sasl.jaas.config': loginModule('scram.ScramLoginModule'),
    'listener.name.login.scram-sha-512.sasl.jaas.config': loginModule('scram.ScramLoginModule'),
    ...(issuer && oauthProperties(issuer)),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:CN=client',
    'num.partitions': 2,
  };
  await startBroker(broker, folder, properties, noSignal, {
    heap: '256m',
    format: Object.entries(users).flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${name},password=${password}]`,
      ]),
    ),
    java: issuer ? [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${issuer.jwksUrl}`] : [],
  });
  await waitFor('the secure Kafka', () => isKafkaReady(address('open')), START_MS);
  return {
    addresses: Object.fromEntries(names.map((name) => [name, address(name)])) as Record<Listener, string>,
    logPath: broker.logPath,
  };
}

function loginModule(name: string, options = ''): string {
  return `org.apache.kafka.common.security.${name} required${options};`;
}

function oauthProperties(issuer: TokenIssuer): BrokerProperties {
  const own = 'listener.name.login.oauthbearer';
  return {
    [`${own}.sasl.jaas.config`]: loginModule('oauthbearer.OAuthBearerLoginModule'),
    [`${own}.sasl.server.callback.handler.class`]:
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler',
    [`${own}.sasl.oauthbearer.jwks.endpoint.url`]: issuer.jwksUrl,
    [`${own}.sasl.oauthbearer.expected.audience`]: issuer.audience,
    [`${own}.connections.max.reauth.ms`]: 3_600_000,
  };
}
