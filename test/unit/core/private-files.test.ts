import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { loadSettings } from '../../../core/settings/config.ts';
import { ensureLocalCredentials, findLocalCredentials } from '../../../core/settings/local-credentials.ts';
import {
  createPrivate,
  makePrivateFolder,
  openPrivate,
  readPrivate,
  tighten,
  writePrivate,
} from '../../../core/private-files.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'private-files-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('files under DATA_DIR', () => {
  test('are readable only by their owner, even with a umask of 0', (t) => {
    const folder = folderOf(t);
    const umask = process.umask(0);
    t.after(() => process.umask(umask));
    makePrivateFolder(join(folder, 'a', 'b'));
    writePrivate(join(folder, 'a', 'b', 'c'), 'text');
    openPrivate(join(folder, 'a', 'log'));
    createPrivate(join(folder, 'a', 'lock'), 'mine');
    assert.deepEqual(
      ['a', 'a/b', 'a/b/c', 'a/log', 'a/lock'].map((name) => modeOf(join(folder, name))),
      ['700', '700', '600', '600', '600'],
    );
    assert.equal(createPrivate(join(folder, 'a', 'lock'), 'yours'), false);
    assert.equal(readPrivate(join(folder, 'a', 'lock')), 'mine');
  });

  test('of an earlier version become private, but links and their targets do not change', (t) => {
    const folder = folderOf(t);
    const elsewhere = folderOf(t);
    writeFileSync(join(elsewhere, 'file'), '', { mode: 0o644 });
    chmodSync(elsewhere, 0o755);
    const dataDir = join(folder, 'data');
    mkdirSync(join(dataDir, 'services', 'kafka'), { recursive: true, mode: 0o755 });
    writeFileSync(join(dataDir, 'services', 'kafka', 'segment'), '', { mode: 0o644 });
    writeFileSync(join(dataDir, 'services', 'run.sh'), '', { mode: 0o755 });
    symlinkSync(elsewhere, join(dataDir, 'services', 'link'));
    mkdirSync(join(dataDir, 'other'));
    // Makes the modes independent of the umask of the test runner.
    for (const name of ['services', 'services/kafka', 'services/run.sh', 'other'])
      chmodSync(join(dataDir, name), 0o755);
    for (const path of [join(dataDir, 'services', 'kafka', 'segment'), join(elsewhere, 'file')])
      chmodSync(path, 0o644);
    tighten(dataDir, 'services', 'absent');
    const modes = ['', 'services', 'services/kafka', 'services/kafka/segment', 'services/run.sh', 'other'];
    assert.deepEqual(
      modes.map((name) => modeOf(join(dataDir, name))),
      ['700', '700', '700', '600', '700', '755'],
    );
    assert.deepEqual(
      { folder: modeOf(elsewhere), file: modeOf(join(elsewhere, 'file')) },
      { folder: '755', file: '644' },
    );
  });

  test('are in a folder that keeps its permissions if world-writable or the working directory', (t) => {
    const shared = folderOf(t);
    chmodSync(shared, 0o1777);
    tighten(shared);
    assert.equal(statSync(shared).mode & 0o7777, 0o1777);
    const before = modeOf(process.cwd());
    tighten(process.cwd());
    tighten('.');
    assert.equal(modeOf(process.cwd()), before);
  });

  test('are never read or written through symbolic links', (t) => {
    const folder = folderOf(t);
    const target = join(folder, 'target');
    writeFileSync(target, 'kept');
    const link = join(folder, 'link');
    symlinkSync(target, link);
    assert.equal(readPrivate(link), undefined);
    assert.throws(() => openPrivate(link), { code: 'ELOOP' });
    assert.equal(createPrivate(link, 'new'), false);
    writePrivate(link, 'new');
    assert.equal(readFileSync(target, 'utf8'), 'kept');
    assert.equal(lstatSync(link).isSymbolicLink(), false);
    const linkedFolder = join(folder, 'linked');
    symlinkSync(folderOf(t), linkedFolder);
    assert.throws(() => makePrivateFolder(linkedFolder), /must be a folder; got a symbolic link/);
  });
});

describe('the credential of the local ClickHouse', () => {
  const url = 'http://127.0.0.1:8123';

  test('is random, stable, private, and found without a setting', (t) => {
    const dataDir = folderOf(t);
    const made = ensureLocalCredentials(dataDir, url);
    assert.match(made.password.reveal(), /^[\w-]{32}$/);
    assert.notEqual(ensureLocalCredentials(folderOf(t), url).password.reveal(), made.password.reveal());
    assert.equal(ensureLocalCredentials(dataDir, url).password.reveal(), made.password.reveal());
    assert.equal(modeOf(join(dataDir, 'services', 'clickhouse-credential')), '600');
    const { credentials } = loadSettings({ DATA_DIR: dataDir }, '').clickhouse;
    assert.equal(credentials?.username, made.username);
    assert.equal(credentials.password.reveal(), made.password.reveal());
  });

  test('is never used for another address', (t) => {
    const dataDir = folderOf(t);
    ensureLocalCredentials(dataDir, url);
    const others = [
      ...['http://127.0.0.1:8124', 'http://127.0.0.2:8123', 'https://127.0.0.1:8123', 'http://[::1]:8123'],
      ...['http://localhost:8124', 'https://localhost:8123', 'http://localhost.evil.example:8123'],
      ...['http://192.0.2.1:8123', 'http://clickhouse.example:8123', 'http://127.0.0.1.evil.example:8123'],
    ];
    for (const other of others) {
      assert.equal(findLocalCredentials(dataDir, other), undefined, other);
      assert.equal(
        loadSettings({ DATA_DIR: dataDir, CLICKHOUSE_URL: other }, '').clickhouse.credentials,
        undefined,
        other,
      );
    }
    const moved = ensureLocalCredentials(dataDir, 'http://127.0.0.1:8124');
    assert.equal(findLocalCredentials(dataDir, url), undefined);
    assert.equal(
      findLocalCredentials(dataDir, 'http://127.0.0.1:8124/')?.password.reveal(),
      moved.password.reveal(),
    );
  });

  test('is found for every address of the same service', (t) => {
    for (const [made, asked] of [
      [url, 'http://localhost:8123'],
      [url, 'http://LOCALHOST:8123/'],
      ['http://localhost:8123', url],
      ['http://[::1]:8123', 'http://localhost:8123'],
      ['http://127.0.0.2:8123', 'http://127.0.0.2:8123'],
    ] as const) {
      const dataDir = folderOf(t);
      const { password } = ensureLocalCredentials(dataDir, made);
      const { credentials } = loadSettings({ DATA_DIR: dataDir, CLICKHOUSE_URL: asked }, '').clickhouse;
      assert.equal(credentials?.password.reveal(), password.reveal(), `${made} ${asked}`);
      ensureLocalCredentials(dataDir, asked);
      assert.equal(findLocalCredentials(dataDir, made)?.password.reveal(), password.reveal());
    }
  });

  test('supplies the password if the settings contain only the user name', (t) => {
    const dataDir = folderOf(t);
    const named = { DATA_DIR: dataDir, CLICKHOUSE_USERNAME: 'default' };
    assert.equal(loadSettings(named, '').clickhouse.credentials?.password.reveal(), '');
    ensureLocalCredentials(dataDir, url);
    assert.equal(
      loadSettings(named, '').clickhouse.credentials?.password.reveal(),
      '',
      'the password of another user was used',
    );
    const { password } = ensureLocalCredentials(dataDir, url, 'default');
    assert.ok(password.reveal().length >= 16);
    assert.deepEqual(loadSettings(named, '').clickhouse.credentials, { username: 'default', password });
    assert.equal(loadSettings({ DATA_DIR: dataDir }, '').clickhouse.credentials?.username, 'default');
  });

  test('yields to settings, and is ignored if its file is damaged or a link', (t) => {
    const dataDir = folderOf(t);
    ensureLocalCredentials(dataDir, url);
    const given = { DATA_DIR: dataDir, CLICKHOUSE_USERNAME: 'me', CLICKHOUSE_PASSWORD: 'mine' };
    assert.equal(loadSettings(given, '').clickhouse.credentials?.username, 'me');
    const path = join(dataDir, 'services', 'clickhouse-credential');
    const content = readFileSync(path, 'utf8');
    for (const damaged of ['', '{', 'null', '[]', '{"origin":"http://127.0.0.1:8123"}']) {
      writeFileSync(path, damaged);
      assert.equal(findLocalCredentials(dataDir, url), undefined, damaged);
    }
    rmSync(path);
    writeFileSync(join(dataDir, 'real'), content);
    symlinkSync(join(dataDir, 'real'), path);
    assert.equal(findLocalCredentials(dataDir, url), undefined);
  });
});
