import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { silenceAwsSdk } from '../../core/settings/config.ts';
import { freePort } from '../../services/local-address.ts';
import { waitFor } from './wait-for.ts';

const MOTO = 'moto[s3,server]==5.2.5';
const folder = fileURLToPath(new URL('../../.data/test-python/moto', import.meta.url));

/** The reason why tests with S3 are skipped; false if they can run. */
export const noS3 = !hasMoto() && 'requires Python 3 with venv, and PyPI for the first run';

function hasMoto(): boolean {
  if (existsSync(join(folder, 'bin/moto_server'))) return true;
  try {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
    execFileSync(join(folder, 'bin/pip'), ['-q', 'install', MOTO], { stdio: 'ignore', timeout: 300_000 });
    return true;
  } catch {
    return false;
  }
}

/** Starts an S3 server with an empty bucket `exports` that stops after the test. */
export async function startS3(t: TestContext) {
  const port = await freePort();
  const server = spawn(join(folder, 'bin/moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  t.after(async () => {
    server.kill();
    await ended;
  });
  const endpoint = `http://127.0.0.1:${port}`;
  silenceAwsSdk();
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  t.after(() => client.destroy());
  await waitFor('S3', () =>
    client.send(new CreateBucketCommand({ Bucket: 'exports' })).then(
      () => true,
      () => false,
    ),
  );
  return {
    endpoint,
    /** Returns the keys of all objects. */
    keys: async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'exports' }));
      return Contents.map(({ Key = '' }) => Key);
    },
    put: async (key: string, body: string) => {
      await client.send(new PutObjectCommand({ Bucket: 'exports', Key: key, Body: body }));
    },
    remove: async (key: string) => {
      await client.send(new DeleteObjectCommand({ Bucket: 'exports', Key: key }));
    },
    read: async (key: string) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'exports', Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
  };
}
