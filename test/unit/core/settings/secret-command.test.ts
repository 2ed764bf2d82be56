import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError } from '../../../../core/errors.ts';
import { loadSettings, settingDocs } from '../../../../core/settings/config.ts';
import { outputOf } from '../../../../core/settings/secret-command.ts';

const { PATH } = process.env;
const KEY = 'CHARTMOGUL_API_KEY';

function createFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'secret-command-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function keyFrom(command: string, env: NodeJS.ProcessEnv = {}, dotEnv = ''): string | undefined {
  return loadSettings({ PATH, [`${KEY}_COMMAND`]: command, ...env }, dotEnv).chartmogul.apiKey?.reveal();
}

const commands: readonly (readonly [command: string, secret: string])[] = [
  ['echo one', 'one'],
  ["printf 'two words'", 'two words'],
  ['printf "it\'s"', "it's"],
  ['printf \'a "quoted" word\'', 'a "quoted" word'],
  ['printf %s-%s \'a b\' c"d e"f', 'a b-cd ef'],
  ["  printf   '%s%s'  x   ''  ", 'x'],
  ["printf 'line\\r\\n'", 'line'],
  ['printf %s $HOME', '$HOME'],
  ['printf %s *', '*'],
  ["printf %s 'a|b'", 'a|b'],
  ['printf %s op://vault/item?a=b&c=d', 'op://vault/item?a=b&c=d'],
  ["sh -c 'printf first; exit 0'", 'first'],
  ["sh -c 'echo piped | cat'", 'piped'],
  ["sh -c 'echo a warning >&2; echo quiet'", 'quiet'],
];
for (const [command, secret] of commands) {
  test(`the secret of \`${command}\` is its standard output`, () => {
    assert.equal(keyFrom(command), secret);
  });
}

const RUN = 'run the command in a terminal to see why$';
const wrongCommands: readonly (readonly [command: string, message: RegExp])[] = [
  ['no-such-program s3cret', /must begin with the path of a program, or the name of one on PATH \(ENOENT\)$/],
  ['s3cret', /must begin with the path of a program, or the name of one on PATH \(ENOENT\)$/],
  ['/dev/null s3cret', /must begin with the path of a program, or the name of one on PATH \(EACCES\)$/],
  ["sh -c 'echo s3cret; echo s3cret >&2; exit 3'", new RegExp(`ended with exit code 3: ${RUN}`)],
  ["sh -c 'echo s3cret; kill -TERM $$'", new RegExp(`was ended by SIGTERM: ${RUN}`)],
  ["sh -c 'echo s3cret >&2'", /must print the secret; it printed nothing$/],
  ["sh -c 'echo; echo'", /must print the secret; it printed nothing$/],
  ['printf s3cret\\ns3cret', /must be one line of text; got a line break or another control character$/],
  [
    'node -e "console.log(`s3cret`.repeat(20000))"',
    /must print only the secret; it printed more than 64 KiB$/,
  ],
  ["printf 's3cret", /must close every quote$/],
  ['printf s3cret | tr a b', /runs without a shell: for pipes and substitutions, use sh -c '…'$/],
  ['printf s3cret 2>/dev/null', /runs without a shell/],
  ['printf $(cat s3cret)', /runs without a shell/],
  ['true && printf s3cret', /runs without a shell/],
];
for (const [command, message] of wrongCommands) {
  test(`\`${command}\` is rejected with a one-line error that shows no secret`, () => {
    assert.throws(
      () => keyFrom(command),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.ok(error.message.startsWith(`${KEY}_COMMAND `), error.message);
        assert.match(error.message, message);
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /s3cret/);
        return true;
      },
    );
  });
}

test('a program that does not end is killed at the deadline, even if it ignores SIGTERM', () => {
  const command = `node -e "process.on('SIGTERM', () => {}); console.log('s3cret'); setInterval(() => {}, 1e6)"`;
  assert.throws(
    () => outputOf('X_COMMAND', command, { PATH }, 1_000),
    new RegExp(`^ConfigError: X_COMMAND did not end within 1 s: ${RUN}`),
  );
});

test('two sources of the same secret cause an error', (t) => {
  const file = join(createFolder(t), 'key');
  writeFileSync(file, 's3cret');
  assert.throws(
    () => keyFrom('echo s3cret', { [KEY]: 's3cret' }),
    /^ConfigError: CHARTMOGUL_API_KEY and CHARTMOGUL_API_KEY_COMMAND are both set: set only one of them$/,
  );
  assert.throws(
    () => keyFrom('echo s3cret', { [`${KEY}_FILE`]: file }),
    /^ConfigError: CHARTMOGUL_API_KEY_FILE and CHARTMOGUL_API_KEY_COMMAND are both set/,
  );
});

test('every setting with a _FILE variant has a _COMMAND variant', () => {
  const names = settingDocs.map(({ name }) => name);
  const secrets = names.filter((name) => names.includes(`${name}_FILE`));
  assert.ok(secrets.length >= 10);
  for (const name of secrets) assert.ok(names.includes(`${name}_COMMAND`), name);
});

test('a process runs each secret command only once', (t) => {
  const log = join(createFolder(t), 'log');
  const command = `sh -c 'echo started >> "$1"; echo once' sh ${log}`;
  for (let load = 0; load < 3; load++) {
    const settings = loadSettings({ PATH, [`${KEY}_COMMAND`]: command, PGPASSWORD_COMMAND: command }, '');
    assert.equal(settings.exportTarget.pgPassword?.reveal(), 'once');
  }
  assert.equal(readFileSync(log, 'utf8'), 'started\n');
});

test('a _COMMAND setting in .env keeps the quotes of its arguments', (t) => {
  const dotEnv = join(createFolder(t), '.env');
  writeFileSync(dotEnv, `${KEY}_COMMAND=printf "%s, %s" 'a b' c # the vault\n`);
  assert.equal(loadSettings({ PATH }, dotEnv).chartmogul.apiKey?.reveal(), 'a b, c');
});

test("the program inherits its vault's variables, but no other secrets of the project", () => {
  const env = {
    VAULT_ADDR: 'https://vault',
    AWS_SECRET_ACCESS_KEY: 'aws',
    KAFKA_USERNAME: 'u',
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_PASSWORD: 'ours',
  };
  const command = 'node -p "JSON.stringify(process.env)"';
  const seen = JSON.parse(keyFrom(command, env) ?? '') as NodeJS.ProcessEnv;
  assert.equal(seen['VAULT_ADDR'], 'https://vault');
  assert.equal(seen['AWS_SECRET_ACCESS_KEY'], 'aws');
  assert.equal(seen['KAFKA_PASSWORD'], undefined);
});
