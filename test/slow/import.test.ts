import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { Random } from '../../simulator/data/random.ts';
import { runCommand, startCommand } from '../helpers/command.ts';
import { createFolder, goldPlan, importSource, recordsOf, writeRecords } from '../helpers/import-file.ts';
import { killSeed } from '../helpers/killed-runs.ts';
import { startOnTerminal } from '../helpers/pseudo-terminal.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';

const entry = 'commands/import.ts';
const CUSTOMERS = 4_000;
const KILLS = 6;
/**
 * The maximum number of requests before a kill. A run sends about 30 requests, the first of which
 * resume earlier imports.
 */
const MAX_REQUESTS = 12;

const outcomes = ['answered', 'lost', 'lost', 'never arrives', 'replaced by 502'] as const;

/** Creates a proxy for the simulator that loses many responses to POST requests. */
async function createLossyFront(t: TestContext, target: string, random: Random) {
  const front = { baseUrl: '', posts: 0, lost: 0, onRequest: (): void => undefined };
  const forward = async (request: IncomingMessage, response: ServerResponse) => {
    const isPost = request.method === 'POST';
    const outcome = isPost ? random.pick('outcome', outcomes, front.posts++) : 'answered';
    const body = await buffer(request);
    if (outcome === 'never arrives') return response.destroy();
    const answer = await fetch(new URL(request.url ?? '', target), {
      method: request.method ?? 'GET',
      headers: { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' },
      ...(isPost && { body }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    front.onRequest();
    if (outcome !== 'answered') front.lost++;
    if (outcome === 'lost') return response.destroy();
    if (outcome === 'replaced by 502') return response.writeHead(502).end('502 Bad Gateway');
    return response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
  };
  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  front.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return front;
}

function environment(baseUrl: string, folder: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    CHARTMOGUL_API_KEY: 'any-key',
    CHARTMOGUL_BASE_URL: baseUrl,
    CHARTMOGUL_MAX_REQUESTS_PER_SECOND: '200',
    DATA_DIR: folder,
  };
}

test(`import applies 20,000 records once despite kills and lost responses (KILL_SEED=${killSeed})`, async (t) => {
  const random = new Random(killSeed);
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 20, importPolls: 4 });
  const front = await createLossyFront(t, baseUrl, random);
  const folder = createFolder(t);
  const customers = Array.from({ length: CUSTOMERS }, (_, index) => `bulk_${index}`);
  const path = writeRecords(folder, [goldPlan, ...customers.flatMap(recordsOf)]);
  const args = ['--data-source', importSource(simulator), path, '--yes'];
  const env = environment(front.baseUrl, folder);
  let kills = 0;
  for (let run = 0; run < KILLS; run++) {
    const command = startCommand(t, entry, args, env);
    let left = random.integer('kill', 1, MAX_REQUESTS, run);
    front.onRequest = () => {
      if (--left === 0) command.kill('SIGKILL');
    };
    if ((await command.result).exitCode === null) kills++;
  }
  front.onRequest = () => undefined;
  const last = await runCommand(t, entry, [...args, '--verify'], env);
  t.diagnostic(`${kills} kills, ${front.lost} of ${front.posts} responses lost`);
  assert.equal(last.exitCode, 0, last.stderr);
  assert.match(last.stdout, /verified 20,001 lines against ChartMogul: all match/);
  const { applied, accepted, repeated, overlapping } = simulator.imports;
  assert.deepEqual({ accepted, repeated, overlapping }, { accepted: 5, repeated: 0, overlapping: 0 });
  assert.equal(applied.size, 5 * CUSTOMERS + 1);
  assert.ok([...applied.values()].every((times) => times === 1));
  const [, report = ''] = /the outcome of each line is in (\S+)/.exec(last.stdout) ?? [];
  const statuses = readFileSync(report, 'utf8').trim().split('\n');
  assert.equal(statuses.length, 5 * CUSTOMERS + 1);
  assert.ok(statuses.every((line) => line.endsWith('"status":"imported"}')));
});

test('import sends nothing on a dry run, without confirmation or if the file has errors', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 20 });
  const folder = createFolder(t);
  const path = writeRecords(folder, [goldPlan, ...recordsOf('bulk_1')]);
  const args = ['--data-source', importSource(simulator), path];
  const env = environment(baseUrl, folder);
  const dry = await runCommand(t, entry, [...args, '--dry-run'], env);
  assert.equal(dry.exitCode, 0, dry.stderr);
  assert.match(dry.stdout, /^records {6}1 customer$[^]*^dry run: the file has no errors; nothing was sent$/m);
  const silent = await runCommand(t, entry, args, env);
  assert.deepEqual([silent.exitCode, silent.stdout], [2, '']);
  assert.match(silent.stderr, /^import writes to ChartMogul: without a terminal, confirm it with --yes\n$/);
  const terminal = startOnTerminal(t, entry, args, env);
  await terminal.shown('Import? [y/N]');
  for (const line of terminal.text().split('\r\n'))
    assert.ok(line.length <= 80 || line.includes('\u001b'), line);
  assert.match(terminal.text(), /It is the only command that does[^]*Billing API, ds_[^]*requests {5}2/);
  terminal.type('no\r');
  assert.equal(await terminal.exitCode, 1);
  const faulty = writeRecords(folder, [{ ...goldPlan, interval_count: 0 }, { object: 'unicorn' }]);
  const refused = await runCommand(
    t,
    entry,
    ['--data-source', importSource(simulator), faulty, '--yes'],
    env,
  );
  assert.equal(refused.exitCode, 1);
  assert.match(
    refused.stdout,
    /^line 1, plan, interval_count: must be [^\n]+\nline 2, object: [^\n]+\n.*: 2 errors; nothing was sent/,
  );
  assert.equal(simulator.imports.accepted, 0);
});
