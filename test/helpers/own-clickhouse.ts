import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isTrueWithin } from '../../services/deadline.ts';
import { isHttpOk } from '../../services/http-probe.ts';
import { freePort } from '../../services/local-address.ts';

/** A local ClickHouse in a separate process. */
export interface OwnServer {
  readonly url: string;
  readonly child: ChildProcess;
  readonly dataDir: string;
}

export async function startServer(dataDir: string, env: NodeJS.ProcessEnv = {}): Promise<OwnServer> {
  const url = `http://127.0.0.1:${await freePort()}`;
  return startProcess(['services/clickhouse/main.ts'], url, dataDir, { CLICKHOUSE_URL: url, ...env });
}

/** Starts a server on an existing folder. The server's user has only these grants. */
export async function startRestrictedServer(folder: string, grants: readonly string[]): Promise<OwnServer> {
  const port = await freePort();
  const args = ['test/fixtures/restricted-clickhouse.ts', folder, JSON.stringify(grants), String(port)];
  return startProcess(args, `http://127.0.0.1:${port}`, folder);
}

async function startProcess(
  args: readonly string[],
  url: string,
  dataDir: string,
  env: NodeJS.ProcessEnv = {},
): Promise<OwnServer> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['start.mjs', ...args], {
    env: { PATH, HOME, TZ: 'UTC', UV_THREADPOOL_SIZE: '16', DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const isDecided = async () => child.exitCode !== null || isHttpOk(new URL('/ping', url));
  const isInTime = await isTrueWithin(30_000, isDecided);
  assert.ok(isInTime && child.exitCode === null, `the server does not respond: ${log}`);
  return { url, child, dataDir };
}

export async function endServer({ child }: OwnServer, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
  return child.exitCode;
}

/** Starts a server for a test that would disturb other tests on the shared server. */
export async function ownServer(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<OwnServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'services-clickhouse-'));
  const server = await startServer(dataDir, env);
  t.after(async () => {
    await endServer(server, 'SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });
  return server;
}
