import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { EtlError } from '../../core/errors.ts';
import { KafkaAdmin } from '../../core/kafka/admin.ts';
import { loadSettings } from '../../core/settings/config.ts';
import { createCertificateAuthority, type Certificate } from '../helpers/certificates.ts';
import { runCommand } from '../helpers/command.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSecureKafka } from '../helpers/secure-kafka.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { createTokenIssuer } from '../helpers/token-issuer.ts';
import { waitFor } from '../helpers/wait-for.ts';

const password = 'alice-s3cret';
const clientSecret = 'cl1ent-s3cret';

const certificateOf = ({ certFile, keyFile }: Certificate) => ({
  KAFKA_SSL_CERT_FILE: certFile,
  KAFKA_SSL_KEY_FILE: keyFile,
});

test('Kafka connections use TLS and logins, and one line names each wrong setting', async (t) => {
  const ca = createCertificateAuthority(t);
  const otherCa = createCertificateAuthority(t, 'Other CA');
  const issuer = await createTokenIssuer(t, { etl: clientSecret });
  const { addresses, logPath } = await createSecureKafka(t, { ca, issuer, users: { alice: password } });
  const client = ca.issue('client', { keyPassword: 'key-s3cret' });
  const mutual = { ...certificateOf(client), KAFKA_SSL_KEY_PASSWORD: 'key-s3cret' };
  const tls = { KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: ca.caFile };
  const login = { KAFKA_USERNAME: 'alice', KAFKA_PASSWORD: password };
  const oauth = {
    KAFKA_SASL_MECHANISM: 'oauthbearer',
    KAFKA_OAUTH_TOKEN_URL: issuer.tokenUrl,
    KAFKA_OAUTH_CLIENT_ID: 'etl',
    KAFKA_OAUTH_CLIENT_SECRET: clientSecret,
  };
  const connect = async (env: NodeJS.ProcessEnv) => {
    const admin = await KafkaAdmin.connect(loadSettings(env, '').kafka, 'test', noSignal);
    try {
      return (await admin.brokerIds()).length;
    } finally {
      await admin.close();
    }
  };

  await t.test('connections with valid settings succeed', async () => {
    const right: Readonly<Record<string, NodeJS.ProcessEnv>> = {
      'an address in the certificate': { ...tls, KAFKA_BROKERS: addresses.tls },
      'a name in the certificate': { ...tls, KAFKA_BROKERS: addresses.tls.replace('127.0.0.1', 'localhost') },
      'a client certificate': { ...tls, ...mutual, KAFKA_BROKERS: addresses.mutual },
      'PLAIN without TLS': { ...login, KAFKA_SASL_MECHANISM: 'plain', KAFKA_BROKERS: addresses.plain },
      ...Object.fromEntries(
        ['plain', 'scram-sha-256', 'scram-sha-512'].map((mechanism) => [
          mechanism,
          { ...tls, ...login, KAFKA_SASL_MECHANISM: mechanism, KAFKA_BROKERS: addresses.login },
        ]),
      ),
      oauthbearer: { ...tls, ...oauth, KAFKA_BROKERS: addresses.login },
      'oauthbearer with extensions': {
        ...{ ...tls, ...oauth, KAFKA_BROKERS: addresses.login },
        KAFKA_OAUTH_EXTENSIONS: 'logicalCluster=lkc-1,identityPoolId=pool-1',
      },
    };
    for (const [name, env] of Object.entries(right)) assert.equal(await connect(env), 1, name);
  });

  await t.test('wrong settings are rejected', async () => {
    const plain = { ...login, KAFKA_SASL_MECHANISM: 'plain' };
    const scram = { ...login, KAFKA_SASL_MECHANISM: 'scram-sha-512' };
    const stranger = certificateOf(otherCa.issue('stranger'));
    const refused = 'ETL_SERVICE_REFUSED';
    const away = 'ETL_SERVICE_UNAVAILABLE';
    const at = String.raw`127\.0\.0\.1:\d+ \(KAFKA_BROKERS\)`;
    const wrong: readonly (readonly [NodeJS.ProcessEnv, string, string])[] = [
      [
        { KAFKA_SSL: 'true', KAFKA_BROKERS: addresses.tls },
        refused,
        `^Kafka at ${at} has a certificate that is not trusted: .+; set KAFKA_SSL_CA_FILE to`,
      ],
      [
        { ...tls, KAFKA_SSL_CA_FILE: otherCa.caFile, KAFKA_BROKERS: addresses.tls },
        refused,
        `^Kafka at ${at} has a certificate that is not trusted: .+; set KAFKA_SSL_CA_FILE to`,
      ],
      [
        { ...tls, KAFKA_BROKERS: addresses.misnamed },
        refused,
        `^Kafka at ${at} has a certificate for another host: .*127.0.0.1.*; use a host name .* in KAFKA_BROKERS and`,
      ],
      [
        { ...tls, KAFKA_BROKERS: addresses.misnamed.replace('127.0.0.1', 'localhost') },
        refused,
        String.raw`^Kafka at localhost:\d+ .* another host: .*kafka.example.com; use a host name`,
      ],
      [
        { ...tls, KAFKA_BROKERS: addresses.expired },
        refused,
        `^Kafka at ${at} has a certificate that has expired; renew it .*KAFKA_SSL_CA_FILE`,
      ],
      [
        { ...tls, KAFKA_BROKERS: addresses.mutual },
        refused,
        `^Kafka at ${at} requires a client certificate; set KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE$`,
      ],
      [
        { ...tls, ...stranger, KAFKA_BROKERS: addresses.mutual },
        refused,
        `^Kafka at ${at} refuses the client certificate; set KAFKA_SSL_CERT_FILE`,
      ],
      [
        { KAFKA_BROKERS: addresses.tls },
        away,
        `^Kafka does not respond at ${at}: it closed the connection; if its port requires TLS, set KAFKA_SSL=true`,
      ],
      [
        { ...tls, KAFKA_BROKERS: addresses.open },
        away,
        `^Kafka does not respond at ${at}: it does not use TLS on this port; if .*, set KAFKA_SSL=false$`,
      ],
      [
        { ...tls, KAFKA_BROKERS: addresses.login },
        away,
        `^Kafka does not respond at ${at}: it closed the connection; if .* login, set KAFKA_SASL_MECHANISM$`,
      ],
      [
        { ...plain, KAFKA_BROKERS: addresses.open },
        refused,
        `^Kafka at ${at} does not accept a login on this port; set KAFKA_BROKERS to .* unset KAFKA_SASL_MECHANISM$`,
      ],
      [
        { ...scram, KAFKA_BROKERS: addresses.plain },
        refused,
        `^Kafka at ${at} does not offer SASL scram-sha-512; set KAFKA_SASL_MECHANISM to`,
      ],
      [
        { ...tls, ...oauth, KAFKA_BROKERS: addresses.login, KAFKA_OAUTH_CLIENT_SECRET: 'wr0ng-s3cret' },
        refused,
        `^the OAuth server at .*KAFKA_OAUTH_TOKEN_URL.* invalid_client; check KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_`,
      ],
      [
        { ...oauth, KAFKA_BROKERS: addresses.plain },
        refused,
        `^Kafka at ${at} does not offer SASL oauthbearer; set KAFKA_SASL_MECHANISM to`,
      ],
      ...[plain, scram].map(
        (mechanism) =>
          [
            { ...tls, ...mechanism, KAFKA_BROKERS: addresses.login, KAFKA_PASSWORD: 'wr0ng-s3cret' },
            refused,
            `^Kafka at ${at} refuses the login: .*; check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM$`,
          ] as const,
      ),
    ];
    for (const [env, code, message] of wrong)
      await assert.rejects(connect(env), (error) => {
        assert.ok(error instanceof EtlError);
        assert.match(error.message, new RegExp(message));
        assert.equal(error.code, code, error.message);
        assert.doesNotMatch(error.message, /\n|s3cret/);
        return true;
      });
  });

  await t.test('the error for a token that the broker refuses does not show the token', async () => {
    const token = 'n0t-a-t0ken.s3cret.x';
    issuer.answer = { status: 200, body: JSON.stringify({ access_token: token, expires_in: 3600 }) };
    await assert.rejects(connect({ ...tls, ...oauth, KAFKA_BROKERS: addresses.login }), (error) => {
      assert.ok(error instanceof EtlError);
      assert.match(
        error.message,
        /refuses the login: SASL OAUTHBEARER: .*invalid_token.*; check KAFKA_OAUTH_/,
      );
      assert.equal(error.code, 'ETL_SERVICE_REFUSED');
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
    issuer.answer = undefined;
  });

  await t.test('one connection outlives its tokens', async () => {
    // kafkajs reauthenticates 10 s before the end of a session.
    Object.assign(issuer, { lifetimeS: 12, statedLifetimeS: 2 });
    const before = issuer.tokens.length;
    const { kafka } = loadSettings({ ...tls, ...oauth, KAFKA_BROKERS: addresses.login }, '');
    const admin = await KafkaAdmin.connect(kafka, 'test', noSignal);
    try {
      const startMs = Date.now();
      await waitFor('a third token', async () => {
        assert.equal((await admin.brokerIds()).length, 1);
        return issuer.tokens.length >= before + 3 && Date.now() > startMs + 12_000;
      });
    } finally {
      await admin.close();
      Object.assign(issuer, { lifetimeS: 3600, statedLifetimeS: undefined });
    }
    const log = readFileSync(logPath, 'utf8');
    for (const shown of [...issuer.tokens, clientSecret]) assert.ok(!log.includes(shown));
  });

  await t.test('the pipeline runs with a client certificate, and ping names the connection', async (t) => {
    const { baseUrl } = await createSimulatorServer(t, { customers: 20, seed: 1 });
    const own = createSettings(t, baseUrl);
    const env = { ...environmentOf(own), ...tls, ...mutual, KAFKA_BROKERS: addresses.mutual };
    const { kafka } = loadSettings(env, '');
    const settings = { ...own, kafka: { ...kafka, topicPartitions: 3, topicReplicationFactor: 1 } };
    await produceStreams(settings, 'plans', 'customers');
    const [plans] = await sinkStreams(settings, 'plans', 'customers');
    assert.ok(plans !== undefined && plans.failure === undefined);
    const admin = await KafkaAdmin.connect(kafka, 'test', noSignal);
    const topics = await admin.describeTopics([`${settings.topicPrefix}plans`]).finally(() => admin.close());
    assert.deepEqual(
      [...topics.values()].map(({ partitionCount }) => partitionCount),
      [3],
    );
    const pinged = await runCommand(t, 'commands/ping.ts', [], env);
    assert.match(pinged.stdout, /^kafka +ok .*, 1 broker, TLS with a client certificate$/m);
    for (const args of [['commands/status.ts'], ['commands/reconcile.ts', '--streams', 'plans']]) {
      const [entry = '', ...rest] = args;
      const { exitCode, stdout, stderr } = await runCommand(t, entry, rest, env);
      assert.equal(exitCode, 0, stdout + stderr);
    }
  });
});
