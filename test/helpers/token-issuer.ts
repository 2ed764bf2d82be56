import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

/** An OAuth server for the client credentials grant. A broker can verify its tokens. */
export interface TokenIssuer {
  readonly tokenUrl: string;
  /** The address of the public keys that verify the tokens. */
  readonly jwksUrl: string;
  readonly audience: string;
  /** All tokens that the server has issued. */
  readonly tokens: string[];
  /** Bodies of the token requests. */
  readonly requests: string[];
  /** The lifetime in the token, which the broker enforces. */
  lifetimeS: number;
  /** The lifetime that the response states; by default, the lifetime in the token. */
  statedLifetimeS: number | undefined;
  /** If set, the response to token requests in place of a token. */
  answer: { readonly status: number; readonly body: string } | undefined;
}

export async function createTokenIssuer(
  t: TestContext,
  clients: Readonly<Record<string, string>>,
): Promise<TokenIssuer> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] };
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenFor = (client: string) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: client, aud: 'kafka', iat: now, exp: now + issuer.lifetimeS, jti: randomUUID() };
    const content = `${encoded({ alg: 'RS256', typ: 'JWT', kid: 'k1' })}.${encoded(claims)}`;
    return `${content}.${sign('RSA-SHA256', Buffer.from(content), privateKey).toString('base64url')}`;
  };
  const server = createServer((request, response) => {
    const respond = async () => {
      const body = await text(request);
      if (request.url === '/jwks') return [200, jwks] as const;
      issuer.requests.push(body);
      if (issuer.answer !== undefined) return [issuer.answer.status, issuer.answer.body] as const;
      const login = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const [client = '', secret] = Buffer.from(login, 'base64')
        .toString('utf8')
        .split(':')
        .map(decodeURIComponent);
      const isKnown = secret !== undefined && clients[client] === secret;
      if (!isKnown) return [401, { error: 'invalid_client', error_description: `no ${login}` }] as const;
      const token = tokenFor(client);
      issuer.tokens.push(token);
      const { lifetimeS, statedLifetimeS = lifetimeS } = issuer;
      const answer = { access_token: token, token_type: 'Bearer', expires_in: statedLifetimeS };
      return [200, answer] as const;
    };
    respond().then(
      ([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      },
      () => response.destroy(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: TokenIssuer = {
    ...{ tokenUrl: `${url}/token`, jwksUrl: `${url}/jwks`, audience: 'kafka' },
    ...{ tokens: [], requests: [], lifetimeS: 3600, statedLifetimeS: undefined, answer: undefined },
  };
  return issuer;
}
