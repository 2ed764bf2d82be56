import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runCommand } from '../helpers/command.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const keys = {
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'planted-aws-secret',
  AWS_REGION: 'us-east-1',
};

/** Runs an export that fails before it uses ClickHouse. Returns its exit code and stderr. */
async function failing(t: TestContext, to: string, env: NodeJS.ProcessEnv) {
  const settings = environmentOf(createSettings(t));
  const { exitCode, stderr } = await runCommand(t, 'commands/export.ts', ['--to', to], {
    ...settings,
    ...env,
  });
  return { exitCode, stderr };
}

test('a failed export to S3 prints one line and no warning from the SDK', async (t) => {
  const { exitCode, stderr } = await failing(t, 's3://exports/x', {
    ...keys,
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
  });
  assert.equal(exitCode, 1);
  assert.match(stderr.trim(), /^.*s3:\/\/exports does not respond: .*$/);
});

test('export rejects a plain http AWS_ENDPOINT_URL that names another machine', async (t) => {
  // The address is reserved for documentation: nothing responds there.
  const endpoint = { AWS_ENDPOINT_URL: 'http://192.0.2.1:9000' };
  const { exitCode, stderr } = await failing(t, 's3://exports/x', { ...keys, ...endpoint });
  assert.equal(exitCode, 2);
  assert.match(stderr, /names another machine, and the data would travel unencrypted: use https/);
});

test('export redacts a password from PGPASSFILE that the server repeats in an error', async (t) => {
  const password = 'planted-pgpass-word';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      // AuthenticationCleartextPassword; then an error that repeats the response.
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
      socket.once('data', (answer: Buffer) => {
        const fields = `SFATAL\0C28P01\0Mno ${answer.subarray(5, -1).toString()} here\0\0`;
        const head = Buffer.from([0x45, 0, 0, 0, 0]);
        head.writeUInt32BE(4 + fields.length, 1);
        socket.end(Buffer.concat([head, Buffer.from(fields)]));
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), 'pgpass-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'pgpass');
  writeFileSync(file, `127.0.0.1:${port}:analytics:me:${password}\n`, { mode: 0o600 });
  const to = `postgres://me@127.0.0.1:${port}/analytics`;
  const { exitCode, stderr } = await failing(t, to, { PGPASSFILE: file });
  assert.equal(exitCode, 1);
  assert.match(stderr.trim(), /^.*returned 28P01: no \[secret\] here; check the user, and the password.*$/);
  const without = await failing(t, to, { PGPASSFILE: join(folder, 'none') });
  assert.match(
    without.stderr.trim(),
    /^.*needs a password: set PGPASSWORD, or add the connection to ~\/\.pgpass.*$/,
  );
});
