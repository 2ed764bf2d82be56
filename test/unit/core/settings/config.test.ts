import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError, messageOf } from '../../../../core/errors.ts';
import { loadSettings, settingDocs } from '../../../../core/settings/config.ts';

function createFile(t: TestContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'config-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, content);
  return file;
}

const load = (env: NodeJS.ProcessEnv, dotEnv = '') => loadSettings(env, dotEnv);

const wrongSettings: readonly (readonly [NodeJS.ProcessEnv, RegExp])[] = [
  [{ CHARTMOGUL_BASE_URL: 'http://api.example.com' }, /^CHARTMOGUL_BASE_URL must be https.*; got "http:/],
  [{ CHARTMOGUL_BASE_URL: 'http://127.0.0.1.example.com' }, /^CHARTMOGUL_BASE_URL must be https/],
  [{ CHARTMOGUL_BASE_URL: 'ftp://127.0.0.1' }, /^CHARTMOGUL_BASE_URL must be an http.*; got "ftp:/],
  [{ SCHEMA_REGISTRY_URL: '127.0.0.1:8081' }, /^SCHEMA_REGISTRY_URL must be an http/],
  [{ CLICKHOUSE_URL: 'here' }, /^CLICKHOUSE_URL must be an http.*; got "here"/],
  [{ KAFKA_BROKERS: '127.0.0.1' }, /^KAFKA_BROKERS must be host:port.*; got "127.0.0.1"/],
  [{ KAFKA_BROKERS: 'a:1,,b:2' }, /^KAFKA_BROKERS must be host:port/],
  [{ KAFKA_BROKERS: 'a:65536' }, /^KAFKA_BROKERS must be host:port/],
  [{ KAFKA_BROKERS: 'a:0' }, /^KAFKA_BROKERS must be host:port/],
  [{ KAFKA_SSL: 'perhaps' }, /^KAFKA_SSL must be one of true, false, 1, 0; got "perhaps"$/],
  [
    { KAFKA_USERNAME: 'u', KAFKA_SASL_MECHANISM: 'md5' },
    /^KAFKA_SASL_MECHANISM must be one of plain, .*; got "md5"$/,
  ],
  [{ KAFKA_USERNAME: 'u' }, /^KAFKA_USERNAME and KAFKA_SASL_MECHANISM must be set together/],
  [{ KAFKA_PASSWORD: 's3cret' }, /^KAFKA_PASSWORD requires KAFKA_USERNAME/],
  [{ SCHEMA_REGISTRY_PASSWORD: 's3cret' }, /^SCHEMA_REGISTRY_PASSWORD requires SCHEMA_REGISTRY_USERNAME/],
  [{ CLICKHOUSE_PASSWORD: 's3cret' }, /^CLICKHOUSE_PASSWORD requires CLICKHOUSE_USERNAME/],
  [
    { CLICKHOUSE_READER_PASSWORD: 's3cret' },
    /^CLICKHOUSE_READER_PASSWORD requires CLICKHOUSE_READER_USERNAME/,
  ],
  [{ WEBHOOK_PORT: '0' }, /^WEBHOOK_PORT must be a whole number from 1 to 65535; got "0"/],
  [{ WEBHOOK_HOST: 'a b' }, /^WEBHOOK_HOST must be/],
  ...['short-token-123', 'a token with blanks in it', 'token/with/slashes/in', 'x'.repeat(257)].map(
    (value) =>
      [
        { WEBHOOK_TOKEN: value },
        /^WEBHOOK_TOKEN must have 16 to 256 characters: A-Z a-z 0-9 . _ ~ -$/,
      ] as const,
  ),
  [{ TOPIC_PREFIX: 'a b' }, /^TOPIC_PREFIX must be .*; got "a b"/],
  [{ TOPIC_PREFIX: 'x'.repeat(101) }, /^TOPIC_PREFIX must be .*; got "x+"/],
  [{ CLICKHOUSE_DATABASE: 'a`b' }, /^CLICKHOUSE_DATABASE must be .*; got "a`b"/],
  [{ CLICKHOUSE_DATABASE: 'a\n' }, /^CLICKHOUSE_DATABASE must be .*; got "a\\n"/],
  [{ CLICKHOUSE_CLUSTER: '1' }, /^CLICKHOUSE_CLUSTER must be .*; got "1"/],
  ...['0', '0.05', '10001', '-1', '1e3', '0x26', 'many', '38 '].map(
    (value) =>
      [
        { CHARTMOGUL_MAX_REQUESTS_PER_SECOND: value },
        /^CHARTMOGUL_MAX_REQUESTS_PER_SECOND must be a number from 0.1 to 10000; got ".*"$/,
      ] as const,
  ),
  ...['2024-02-30', '2023-02-29', '2024-13-01', '1899-12-31', '2100-01-01', '2024-1-1', '01.02.2024'].map(
    (value) =>
      [{ METRICS_START_DATE: value }, /^METRICS_START_DATE must be a day from 1900.*; got ".*"/] as const,
  ),
  ...['2099-12-31', new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)].map(
    (value) =>
      [
        { METRICS_START_DATE: value },
        /^METRICS_START_DATE must be a day that is not in the future; got "20..-..-.."$/,
      ] as const,
  ),
  [{ METRICS_INTERVALS: 'day,wek' }, /^METRICS_INTERVALS got "wek": did you mean week\?$/],
  ...['month,month', 'hour', 'day,', 'day month'].map(
    (value) =>
      [
        { METRICS_INTERVALS: value },
        /^METRICS_INTERVALS must be a comma-separated list of day, week.*; got ".*"/,
      ] as const,
  ),
  ...['plans,plans', 'plans,', 'a b'].map(
    (value) =>
      [
        { HISTORY_STREAMS: value },
        /^HISTORY_STREAMS must be a comma-separated list of streams, each at most once; got ".*"$/,
      ] as const,
  ),
  [
    { METRICS_LOOK_BACK_DAYS: '0' },
    /^METRICS_LOOK_BACK_DAYS must be a whole number from 1 to 36500; got "0"$/,
  ],
  [{ METRICS_LOOK_BACK_DAYS: '36501' }, /^METRICS_LOOK_BACK_DAYS must be a whole number.*; got "36501"/],
  [{ METRICS_LOOK_BACK_DAYS: '1.5' }, /^METRICS_LOOK_BACK_DAYS must be a whole number.*; got "1.5"/],
  [{ FULL_ROUND_DAYS: '0' }, /^FULL_ROUND_DAYS must be a whole number from 1 to 365; got "0"$/],
  [{ FULL_ROUND_DAYS: '366' }, /^FULL_ROUND_DAYS must be a whole number.*; got "366"/],
  [{ MASS_DELETE_PERCENT: '-1' }, /^MASS_DELETE_PERCENT must be a number from 0 to 100; got "-1"$/],
  [{ MASS_DELETE_PERCENT: '100.1' }, /^MASS_DELETE_PERCENT must be a number.*; got "100.1"/],
  [{ MASS_DELETE_PERCENT: '10%' }, /^MASS_DELETE_PERCENT must be a number.*; got "10%"/],
  [
    { STREAM_MODES: 'customers' },
    /^STREAM_MODES for customers must be one of evolve, freeze, discard; got ""$/,
  ],
  [{ STREAM_MODES: 'customers=thaw' }, /^STREAM_MODES for customers must be one of evolve, .*; got "thaw"$/],
  [{ STREAM_MODES: 'Customers=freeze' }, /^STREAM_MODES must be stream=mode.*; got "Customers=freeze"/],
  [
    { STREAM_MODES: 'plans=freeze=discard' },
    /^STREAM_MODES must be stream=mode.*; got "plans=freeze=discard"/,
  ],
  [{ STREAM_MODES: 'plans=freeze,' }, /^STREAM_MODES must be stream=mode.*; got "plans=freeze,"/],
  [
    { STREAM_MODES: 'plans=freeze,plans=evolve' },
    /^STREAM_MODES must name each stream once; got plans twice/,
  ],
  [
    { CONFIG_FILE: '/nowhere/at-all' },
    /^CONFIG_FILE must be a readable JSON file.*; got "\/nowhere\/at-all"/,
  ],
  [
    { CHARTMOGUL_API_KEY_FILE: '/nowhere/at-all' },
    /^CHARTMOGUL_API_KEY_FILE must be the path of a readable file \(ENOENT\)$/,
  ],
  [
    { CHARTMOGUL_API_KEY_FILE: '/dev/null' },
    /^CHARTMOGUL_API_KEY_FILE must be one line of text; got an empty string/,
  ],
  [
    { CHARTMOGUL_API_KEY: 's3cret', CHARTMOGUL_API_KEY_FILE: '/x' },
    /^CHARTMOGUL_API_KEY and CHARTMOGUL_API_KEY_FILE/,
  ],
  [
    { CHARTMOGUL_API_KEY: 's3cret\nX: y' },
    /^CHARTMOGUL_API_KEY must be one line of text; got a line break or another control/,
  ],
  [
    { CHARTMOGUL_API_KEY: 's3cret\u0007' },
    /^CHARTMOGUL_API_KEY must be one line of text; got a line break or another control/,
  ],
  [{ CHARTMOGUL_API_KEY: ' \n' }, /^CHARTMOGUL_API_KEY must be one line of text; got an empty string/],
  [
    { CLICKHOUSE_USERNAME: 'u', CLICKHOUSE_PASSWORD: 's3\rcret' },
    /^CLICKHOUSE_PASSWORD must be one line of text; got a line break or another control/,
  ],
  // Addresses with a password, valid and mistyped.
  [{ CLICKHOUSE_URL: 'http://u:s3cret@h:8123' }, /^CLICKHOUSE_URL must (be|not contain) /],
  [{ CLICKHOUSE_URL: 'http://u:s3cret@h:99999' }, /^CLICKHOUSE_URL must (be|not contain) /],
  [{ CLICKHOUSE_URL: 'http://h:8123/?password=s3cret' }, /^CLICKHOUSE_URL must (be|not contain) /],
  [{ SCHEMA_REGISTRY_URL: 'u:s3cret@h:8081' }, /^SCHEMA_REGISTRY_URL must (be|not contain) /],
  [{ CHARTMOGUL_BASE_URL: 'http://s3cret:@api.example.com' }, /^CHARTMOGUL_BASE_URL must (be|not contain) /],
  [{ KAFKA_BROKERS: 'u:s3cret@h:9092' }, /^KAFKA_BROKERS must (be|not contain) /],
];
for (const [env, message] of wrongSettings) {
  test(`${inspect(env, { breakLength: Infinity }).slice(0, 90)} is rejected with a one-line error that states the rule`, () => {
    assert.throws(
      () => load(env),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, message);
        assert.doesNotMatch(inspect(error), /s3cret/);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  });
}

test('a key from a variable or a file is trimmed', (t) => {
  const key = (env: NodeJS.ProcessEnv) => load(env).chartmogul.apiKey?.reveal();
  assert.equal(key({ CHARTMOGUL_API_KEY: ' s3cret\r\n' }), 's3cret');
  assert.equal(key({ CHARTMOGUL_API_KEY_FILE: createFile(t, '\uFEFFs3cret\r\n') }), 's3cret');
});

test('the secrets of export targets can come from files', (t) => {
  const { pgPassword, aws } = load({
    PGPASSWORD_FILE: createFile(t, 'one'),
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY_FILE: createFile(t, 'two'),
    AWS_SESSION_TOKEN_FILE: createFile(t, 'three'),
  }).exportTarget;
  assert.deepEqual(
    [pgPassword, aws.credentials?.key, aws.credentials?.token].map((secret) => secret?.reveal()),
    ['one', 'two', 'three'],
  );
});

test('a key file with several lines is rejected without showing them', (t) => {
  const read = () => load({ CHARTMOGUL_API_KEY_FILE: createFile(t, 's3cret\nother') });
  assert.throws(read, /^ConfigError: CHARTMOGUL_API_KEY_FILE must be one line of text(?!.*s3cret)/);
});

test('loadSettings ignores a byte order mark in .env and CONFIG_FILE', (t) => {
  const configFile = createFile(t, '\uFEFF{"TOPIC_PREFIX": "file."}');
  const dotEnv = createFile(t, `\uFEFFCONFIG_FILE=${configFile}\nCLICKHOUSE_DATABASE=dot\n`);
  const { topicPrefix, clickhouse } = loadSettings({}, dotEnv);
  assert.deepEqual({ topicPrefix, database: clickhouse.database }, { topicPrefix: 'file.', database: 'dot' });
});

test('an unquoted password in .env keeps its # character', (t) => {
  const dotEnv = createFile(t, 'CLICKHOUSE_USERNAME=u\nCLICKHOUSE_PASSWORD=a#b\n');
  assert.equal(loadSettings({}, dotEnv).clickhouse.credentials?.password.reveal(), 'a#b');
});

const wrongFiles: readonly (readonly [string, RegExp])[] = [
  ['{"CHARTMOGUL_API_KEY": "s3cret"', /a file with valid JSON/],
  ['["s3cret"]', /a JSON object/],
  ['{"CHARTMOGUL_API_KEY": {"a":"s3cret"}}', /a string for CHARTMOGUL_API_KEY/],
  ['{"CHARTMOGUL_KEY": "s3cret"}', /it has "CHARTMOGUL_KEY"/],
  ['{"streams": {"path": "s3cret"}}', /a file with a list for streams/],
  ['{"streams": "s3cret"}', /a file with a list for streams/],
  ['{"streams": null}', /a file with a list for streams/],
  ['{"constructor": "s3cret"}', /it has "constructor"/],
];
for (const [content, message] of wrongFiles) {
  test(`a CONFIG_FILE with ${content} is rejected without showing its values`, (t) => {
    assert.throws(
      () => load({ CONFIG_FILE: createFile(t, content) }),
      (error) =>
        error instanceof ConfigError && message.test(error.message) && !inspect(error).includes('s3cret'),
    );
  });
}

for (const value of [
  'sk_s3cret',
  '/s3cret',
  `sk_s3cret${'x'.repeat(5_000)}`,
  's3cret\u0000',
  '/proc/self/mem',
]) {
  for (const [name, more] of [
    ['CHARTMOGUL_API_KEY_FILE', {}],
    ['KAFKA_PASSWORD_FILE', { KAFKA_USERNAME: 'u', KAFKA_SASL_MECHANISM: 'plain' }],
    ['SCHEMA_REGISTRY_PASSWORD_FILE', { SCHEMA_REGISTRY_USERNAME: 'u' }],
    ['CLICKHOUSE_PASSWORD_FILE', { CLICKHOUSE_USERNAME: 'u' }],
    ['CLICKHOUSE_READER_PASSWORD_FILE', { CLICKHOUSE_READER_USERNAME: 'u' }],
  ] as const) {
    test(`the error for an unreadable ${name} hides its value of ${value.length} characters`, () => {
      assert.throws(
        () => load({ [name]: value, ...more }),
        (error) =>
          error instanceof ConfigError &&
          new RegExp(`^${name} must be the path of a readable file \\(E[A-Z_]+\\)`).test(error.message) &&
          !inspect(error).includes('s3cret'),
      );
    });
  }
}

test('the error hides settings that were passed in CONFIG_FILE instead of a path', () => {
  const content = '{"CHARTMOGUL_API_KEY": "s3cret"}';
  assert.throws(
    () => load({ CONFIG_FILE: content }),
    /^ConfigError: CONFIG_FILE must be the path of a readable file(?!.*s3cret)/,
  );
});

test('the error hides a key that was passed in CONFIG_FILE instead of a path', () => {
  for (const key of ['Zq7-pl4nted+s3cret/K9x', 's3cret', 'a/s3cret==', 's3cret\\x'])
    assert.throws(
      () => load({ CONFIG_FILE: key }),
      /^ConfigError: CONFIG_FILE must be the path of a readable file(?!.*s3cret)/,
    );
});

test('no error shows a key that is also part of another setting', () => {
  const key = 'pl4nted-s3cret-of-two';
  for (const name of ['MAX_DECODED_MIB', 'CONFIG_FILE', 'TOPIC_PREFIX', 'CLICKHOUSE_URL']) {
    const value = name === 'CONFIG_FILE' ? `./${key}.json` : `${key}!`;
    assert.throws(
      () => load({ CHARTMOGUL_API_KEY: key, [name]: value }),
      (error) => error instanceof ConfigError && !messageOf(error).includes(key),
      name,
    );
  }
});

test('the environment overrides .env, which overrides CONFIG_FILE and the defaults', (t) => {
  const file = { TOPIC_PREFIX: 'file.', CLICKHOUSE_DATABASE: 'file', DATA_DIR: 'file' };
  const configFile = createFile(t, JSON.stringify(file));
  const dotEnv = createFile(t, `TOPIC_PREFIX=dot.\nCLICKHOUSE_DATABASE=dot\nCONFIG_FILE=${configFile}\n`);
  const { topicPrefix, clickhouse, dataDir, kafka } = load({ TOPIC_PREFIX: 'env.' }, dotEnv);
  assert.deepEqual(
    { topicPrefix, database: clickhouse.database, dataDir, brokers: kafka.brokers },
    { topicPrefix: 'env.', database: 'dot', dataDir: 'file', brokers: ['127.0.0.1:9092'] },
  );
});

test('an empty variable counts as unset', (t) => {
  const dotEnv = createFile(t, 'TOPIC_PREFIX=dot.\n');
  assert.equal(load({ TOPIC_PREFIX: '', CHARTMOGUL_API_KEY: '' }, dotEnv).topicPrefix, 'dot.');
});

test('an unreadable .env causes a ConfigError', () => {
  assert.throws(() => load({}, tmpdir()), ConfigError);
});

test('loadSettings returns the documented defaults', () => {
  const { chartmogul, produce, kafka, topicPrefix, schemaRegistry, clickhouse, dataDir } = load({});
  assert.deepEqual(chartmogul, {
    apiKey: undefined,
    baseUrl: 'https://api.chartmogul.com/v1',
    maxRequestsPerSecond: 39.5,
  });
  assert.deepEqual(produce, {
    metrics: { startDate: '2010-01-01', intervals: ['month'], lookBackDays: undefined },
    fullRoundDays: 7,
    massDeletePercent: 10,
    modes: new Map(),
    customStreams: [],
  });
  assert.deepEqual(kafka, {
    brokers: ['127.0.0.1:9092'],
    tls: undefined,
    sasl: undefined,
    tombstoneRetentionDays: 7,
    topicPartitions: 4,
    topicReplicationFactor: undefined,
  });
  assert.deepEqual({ topicPrefix, dataDir }, { topicPrefix: 'chartmogul.', dataDir: '.data' });
  assert.deepEqual(schemaRegistry, { url: 'http://127.0.0.1:8081', credentials: undefined });
  assert.equal(clickhouse.url, 'http://127.0.0.1:8123');
  assert.equal(clickhouse.database, 'chartmogul');
});

test('settings accept the limits of their ranges', () => {
  const { chartmogul, produce } = load({
    CHARTMOGUL_MAX_REQUESTS_PER_SECOND: '0.1',
    METRICS_START_DATE: '2024-02-29',
    METRICS_INTERVALS: 'day, quarter,year',
    METRICS_LOOK_BACK_DAYS: '36500',
    FULL_ROUND_DAYS: '365',
    MASS_DELETE_PERCENT: '0',
    STREAM_MODES: 'customers=freeze, plans = discard,my_own=evolve',
  });
  assert.equal(chartmogul.maxRequestsPerSecond, 0.1);
  assert.deepEqual(produce, {
    metrics: { startDate: '2024-02-29', intervals: ['day', 'quarter', 'year'], lookBackDays: 36_500 },
    fullRoundDays: 365,
    massDeletePercent: 0,
    modes: new Map([
      ['customers', 'freeze'],
      ['plans', 'discard'],
      ['my_own', 'evolve'],
    ]),
    customStreams: [],
  });
  assert.equal(load({ MASS_DELETE_PERCENT: '100' }).produce.massDeletePercent, 100);
});

test('loadSettings keeps the streams of CONFIG_FILE unchanged', (t) => {
  const streams = [{ name: 'credit_notes', path: '/credit_notes' }, 'anything', null];
  const configFile = createFile(t, JSON.stringify({ TOPIC_PREFIX: 'file.', streams }));
  const { topicPrefix, produce } = load({ CONFIG_FILE: configFile });
  assert.deepEqual(
    { topicPrefix, customStreams: produce.customStreams },
    { topicPrefix: 'file.', customStreams: streams },
  );
});

for (const name of [
  'CHARTMOGUL_API_KEY',
  'KAFKA_PASSWORD',
  'KAFKA_OAUTH_CLIENT_SECRET',
  'SCHEMA_REGISTRY_PASSWORD',
  'CLICKHOUSE_PASSWORD',
  'CLICKHOUSE_READER_PASSWORD',
]) {
  test(`${name} can come from a file, and printed settings do not show it`, (t) => {
    const settings = load({
      ...(name.endsWith('PASSWORD') && { [name.replace('PASSWORD', 'USERNAME')]: 'someone' }),
      ...(name === 'KAFKA_PASSWORD' && { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256' }),
      ...(name === 'KAFKA_OAUTH_CLIENT_SECRET' && {
        KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
        KAFKA_OAUTH_TOKEN_URL: 'https://login.example.com/token',
        KAFKA_OAUTH_CLIENT_ID: 'etl',
      }),
      [`${name}_FILE`]: createFile(t, 's3cret\n'),
    });
    const { chartmogul, kafka, schemaRegistry, clickhouse } = settings;
    const secrets = [
      chartmogul.apiKey,
      kafka.sasl?.mechanism === 'oauthbearer' ? kafka.sasl.oauth.clientSecret : kafka.sasl?.password,
      ...[schemaRegistry.credentials, clickhouse.credentials, clickhouse.reader].map(
        (known) => known?.password,
      ),
    ];
    assert.deepEqual(
      secrets.flatMap((secret) => secret?.reveal() ?? []),
      ['s3cret'],
    );
    assert.doesNotMatch(
      inspect(settings, { depth: 9, showHidden: true }) + JSON.stringify(settings),
      /s3cret/,
    );
  });
}

test('every setting has a description', () => {
  for (const { name, doc } of settingDocs) assert.ok(doc.length > 3, name);
});

test('the error for a wrong setting is shortened and free of control characters', () => {
  assert.throws(
    () => load({ KAFKA_SSL: `\u202e\u009b31m${'x'.repeat(100_000)}` }),
    ({ message }: Error) => {
      assert.match(message, /^KAFKA_SSL must be one of .*; got "\\u202e\\u009b31mx+…"$/);
      return message.length < 400;
    },
  );
});
