import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The deadline for one command, even on a busy machine. */
const DEADLINE_MS = 120_000;

/** How a server misbehaves. Every response repeats the request, credentials included. */
export const misbehaviours = [
  '401',
  '403',
  '404',
  '429',
  '500',
  '502 with 2 MB of HTML',
  '200 that is not JSON',
  'credentials in the reason phrase',
  'credentials in headers',
  'redirect',
  'torn',
  'slow',
] as const;
export type Misbehaviour = (typeof misbehaviours)[number];

/**
 * A server between the commands and a service. It forwards requests with the service's own
 * credentials, or misbehaves.
 */
export interface EchoingServer {
  readonly url: string;
  misbehaviour: Misbehaviour | undefined;
  /**
   * Returns whether the server may misbehave for a path. By default, it always returns true.
   */
  isConcerned: (path: string) => boolean;
}

export async function createEchoingServer(
  t: TestContext,
  target: string,
  headers: Readonly<Record<string, string>>,
): Promise<EchoingServer> {
  const { hostname, port, pathname } = new URL(target);
  const server = createServer((incoming, response) => {
    const { misbehaviour } = echoing;
    response.on('error', () => {});
    if (misbehaviour !== undefined && echoing.isConcerned(incoming.url ?? '/')) {
      misbehave(misbehaviour, incoming, response);
      return;
    }
    const passed = Object.entries(incoming.headers).filter(
      ([name]) => !['authorization', 'x-clickhouse-user', 'x-clickhouse-key'].includes(name),
    );
    const forwarded = request({
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: { ...Object.fromEntries(passed), host: `${hostname}:${port}`, ...headers },
    });
    forwarded.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    incoming.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const echoing: EchoingServer = {
    url: `${base}${pathname === '/' ? '' : pathname}`,
    misbehaviour: undefined,
    isConcerned: () => true,
  };
  return echoing;
}

/**
 * Returns the request line, the headers and the credentials of a request. The credentials are
 * repeated in the forms that a server might use: plain, base64, URL-encoded and JSON.
 */
function echoOf({ method, url, headers, rawHeaders }: IncomingMessage): string {
  const authorization = headers.authorization ?? '';
  const [, encoded = ''] = authorization.split(' ');
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const secrets = [decoded, ...decoded.split(':'), headers['x-clickhouse-key'] ?? ''].map(String);
  const forms = secrets.flatMap((secret) => [
    secret,
    Buffer.from(secret).toString('base64'),
    Buffer.from(`x${secret}`).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    encodeURIComponent(secret),
    JSON.stringify(secret),
  ]);
  return [...forms, `${method} ${url}`, authorization, encoded, rawHeaders.join(' ')].join(' ');
}

function misbehave(how: Misbehaviour, incoming: IncomingMessage, response: ServerResponse): void {
  const echo = echoOf(incoming);
  const plain = { 'content-type': 'text/plain; charset=utf-8' };
  const inHeader = echo.replace(/[^\x20-\x7e]/g, '?').slice(0, 4_000);
  incoming.resume();
  switch (how) {
    case '401':
    case '403':
    case '404':
    case '500':
      response.writeHead(Number(how), plain).end(echo);
      return;
    case '429':
      response.writeHead(429, { ...plain, 'retry-after': '3600' }).end(echo);
      return;
    case '502 with 2 MB of HTML':
      response
        .writeHead(502, { 'content-type': 'text/html' })
        .end(`<html>${echo}`.repeat(Math.ceil(2_000_000 / echo.length)));
      return;
    case '200 that is not JSON':
      response.writeHead(200, { 'content-type': 'application/json' }).end(`oops ${echo}`);
      return;
    case 'credentials in the reason phrase':
      response.writeHead(500, inHeader, plain).end(echo);
      return;
    case 'credentials in headers':
      response
        .writeHead(500, { ...plain, 'x-clickhouse-exception-code': inHeader, 'x-debug': inHeader })
        .end(echo);
      return;
    case 'redirect':
      response.writeHead(302, { location: `http://127.0.0.1:1/?${encodeURIComponent(echo)}` }).end(echo);
      return;
    case 'torn':
      response.writeHead(200, { ...plain, 'content-length': '100000' });
      response.write(echo, () => response.destroy());
      return;
    case 'slow':
      // Starts a response that never ends.
      response.writeHead(500, plain).write(echo);
  }
}

/**
 * Returns the output of a command. A command that keeps running is stopped `speaksForMs` after its
 * first output.
 */
export async function outputOf(
  t: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  {
    whileRunning = () => Promise.resolve(),
    speaksForMs = 4_000,
  }: { readonly whileRunning?: () => Promise<void>; readonly speaksForMs?: number } = {},
): Promise<string> {
  const child = spawn(process.execPath, ['start.mjs', ...args], { cwd: root, env });
  child.stdin.end();
  t.after(() => child.kill('SIGKILL'));
  const timers: NodeJS.Timeout[] = [setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)];
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      if (written === '') timers.push(setTimeout(() => child.kill('SIGTERM'), speaksForMs));
      written += chunk;
    });
  const closed = once(child, 'close');
  await whileRunning();
  await closed;
  timers.forEach(clearTimeout);
  return written;
}

/** Returns the forms in which output may contain a secret. */
export function formsOf(secret: string): string[] {
  const aligned = [0, 1, 2].map((shift) => {
    const encoded = Buffer.from(' '.repeat(shift) + secret).toString('base64');
    // The characters at the ends depend on the text around the secret.
    return encoded.replace(/=+$/, '').slice(shift === 0 ? 0 : 4, -2);
  });
  return [
    ...new Set([
      secret,
      ...aligned,
      ...aligned.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
      encodeURIComponent(secret),
      encodeURIComponent(secret).toLowerCase(),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('hex'),
    ]),
  ];
}

/** Returns the commands and environments of all readable processes, by process id. */
export function processTexts(): Map<number, { readonly command: string; readonly environment: string }> {
  const texts = new Map<number, { command: string; environment: string }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const [command, environment] = ['cmdline', 'environ'].map((file) =>
        readFileSync(`/proc/${entry}/${file}`, 'utf8'),
      ) as [string, string];
      texts.set(Number(entry), { command, environment });
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
  return texts;
}
