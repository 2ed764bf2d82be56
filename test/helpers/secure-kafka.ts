import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BackgroundProcess } from '../../services/background-process.ts';
import { isKafkaReady, startBroker } from '../../services/kafka.ts';
import { freePort } from '../../services/local-address.ts';
import type { CertificateAuthority } from './certificates.ts';
import { noSignal } from './settings.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { waitFor } from './wait-for.ts';

const START_MS = 120_000;

/** By name: how clients connect. Kafka reserves no port for a name. */
const listeners = {
  /** For the test itself: without TLS and login, with all rights. */
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

/** A broker that asks for certificates, logins and rights. */
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
  const controller = `127.0.0.1:${await freePort()}`;
  const url = (name: Listener) => `${name.toUpperCase()}://${address(name)}`;
  const protocols = names.map((name) => `${name.toUpperCase()}:${listeners[name]}`);
  const keyStores = names.flatMap((name) =>
    stores[name] === undefined
      ? []
      : [
          `listener.name.${name}.ssl.keystore.type=PEM`,
          `listener.name.${name}.ssl.keystore.location=${stores[name]}`,
        ],
  );
  const module = (name: string, options = '') =>
    `org.apache.kafka.common.security.${name} required${options};`;
  const passwords = Object.entries(users).map(([user, password]) => ` user_${user}="${password}"`);
  const properties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@${controller}
listeners=${names.map(url).join(',')},CONTROLLER://${controller}
advertised.listeners=${names.map(url).join(',')}
listener.security.protocol.map=${protocols.join(',')},CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=OPEN
${keyStores.join('\n')}
ssl.truststore.type=PEM
ssl.truststore.location=${ca.caFile}
listener.name.mutual.ssl.client.auth=required
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512${issuer ? ',OAUTHBEARER' : ''}
listener.name.plain.sasl.enabled.mechanisms=PLAIN
listener.name.plain.plain.sasl.jaas.config=${module('plain.PlainLoginModule', passwords.join(''))}
listener.name.login.plain.sasl.jaas.config=${module('plain.PlainLoginModule', passwords.join(''))}
listener.name.login.scram-sha-256.sasl.jaas.config=${module('scram.ScramLoginModule')}
listener.name.login.scram-sha-512.sasl.jaas.config=${module('scram.ScramLoginModule')}
${issuer ? oauthProperties(issuer, module('oauthbearer.OAuthBearerLoginModule')) : ''}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=client
log.dirs=data
num.partitions=2
auto.create.topics.enable=false
offsets.topic.num.partitions=2
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`;
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

function oauthProperties(issuer: TokenIssuer, module: string): string {
  return `listener.name.login.oauthbearer.sasl.jaas.config=${module}
listener.name.login.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.login.oauthbearer.sasl.oauthbearer.jwks.endpoint.url=${issuer.jwksUrl}
listener.name.login.oauthbearer.sasl.oauthbearer.expected.audience=${issuer.audience}
listener.name.login.oauthbearer.connections.max.reauth.ms=3600000
`;
}
