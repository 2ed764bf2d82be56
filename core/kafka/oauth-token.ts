import { request } from 'undici';
import { messageOf, ServiceRefusedError, ServiceUnavailableError } from '../errors.ts';
import { readText } from '../http/answer-body.ts';
import { foreignText } from '../http/foreign-text.ts';
import { createDispatcher, throughProxy } from '../http/proxy.ts';
import { isJsonObject, parseJson, type JsonObject } from '../json.ts';
import { forgetSecret, rememberSecret } from '../redact.ts';
import type { KafkaOAuth } from '../settings/kafka-settings.ts';

/** Shorter than kafkajs's time limit for a login. */
const ANSWER_TIMEOUT_MS = 8_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * A token is replaced when this share of its lifetime, or MIN_RENEWED_MS if that is longer, is
 * left, but not before half of its lifetime has passed.
 */
const RENEWED_SHARE = 0.2;
const MIN_RENEWED_MS = 30_000;
/**
 * Brokers end a session when its token expires. kafkajs logs in again 10 s earlier. With a token
 * that expires sooner than that, it would log in at each request, which brokers refuse.
 */
const MIN_LEFT_MS = 15_000;

interface Token {
  readonly text: string;
  readonly renewedMs: number;
  /** The time until which the token may be used, although it should have been replaced. */
  readonly endMs: number;
}

/**
 * Returns tokens for logins. All connections share a token until `renewedMs`. While the OAuth
 * server does not respond, the old token is used until `endMs`.
 */
export class TokenSource {
  readonly #oauth: KafkaOAuth;
  #token: Token | undefined;
  #requested: Promise<Token> | undefined;

  constructor(oauth: KafkaOAuth) {
    this.#oauth = oauth;
  }

  /** @throws ServiceUnavailableError, ServiceRefusedError naming the setting. */
  async token(): Promise<string> {
    if (this.#token !== undefined && Date.now() < this.#token.renewedMs) return this.#token.text;
    this.#requested ??= requestToken(this.#oauth).finally(() => (this.#requested = undefined));
    try {
      const token = await this.#requested;
      if (token !== this.#token) {
        if (this.#token !== undefined) forgetSecret(this.#token.text);
        this.#token = token;
      }
      return token.text;
    } catch (error) {
      const token = this.#token;
      const isUsable = token !== undefined && Date.now() < token.endMs;
      if (isUsable && error instanceof ServiceUnavailableError) return token.text;
      throw error;
    }
  }

  /** Makes the next login request a new token: the broker has refused this one. */
  discard(text: string): void {
    if (this.#token?.text === text) this.#token = undefined;
  }
}

async function requestToken(oauth: KafkaOAuth): Promise<Token> {
  const { tokenUrl, clientId, clientSecret, scope, proxy } = oauth;
  const at = `${tokenUrl} (KAFKA_OAUTH_TOKEN_URL)`;
  const login = [clientId, clientSecret.reveal()].map(encodeURIComponent).join(':');
  const dispatcher = createDispatcher({ url: tokenUrl, proxy }, { connections: 1 });
  const sentMs = Date.now();
  try {
    const answer = await request(tokenUrl, {
      dispatcher,
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(login).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(scope !== '' && { scope }),
      }).toString(),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const body = jsonIn(await readText(answer, MAX_ANSWER_BYTES));
    return tokenIn(answer.statusCode, body, at, sentMs);
  } catch (error) {
    if (error instanceof ServiceRefusedError || error instanceof ServiceUnavailableError) throw error;
    throw unavailable(`${at}${throughProxy(proxy)}: ${messageOf(error)}`, error);
  } finally {
    await dispatcher.destroy();
  }
}

function tokenIn(status: number, body: JsonObject | undefined, at: string, sentMs: number): Token {
  if (status === 429 || status >= 500) throw unavailable(`${at}: it returned ${status}`);
  const text = body?.['access_token'];
  if (status !== 200) {
    const reason = typeof body?.['error'] === 'string' ? foreignText(body['error'], 80) : 'no reason given';
    const remedy = reason.includes('scope')
      ? 'check KAFKA_OAUTH_SCOPE'
      : 'check KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET';
    throw new ServiceRefusedError(`the OAuth server at ${at} returned ${status}: ${reason}; ${remedy}`);
  }
  if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text))
    throw new ServiceRefusedError(
      `the OAuth server at ${at} returned no access_token; set KAFKA_OAUTH_TOKEN_URL to its token endpoint`,
    );
  rememberSecret(text);
  // Without a lifetime, each login requests a token.
  const lifetimeS = Number(body?.['expires_in'] ?? 0);
  const lifetimeMs = Number.isFinite(lifetimeS) && lifetimeS > 0 ? lifetimeS * 1000 : 0;
  const marginMs = Math.min(lifetimeMs / 2, Math.max(lifetimeMs * RENEWED_SHARE, MIN_RENEWED_MS));
  const renewedMs = sentMs + lifetimeMs - marginMs;
  return { text, renewedMs, endMs: Math.max(renewedMs, sentMs + lifetimeMs - MIN_LEFT_MS) };
}

function jsonIn(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unavailable(reason: string, cause?: unknown): ServiceUnavailableError {
  const message = `the OAuth server does not respond at ${reason}; check KAFKA_OAUTH_TOKEN_URL`;
  return Object.assign(new ServiceUnavailableError(message, { cause }), {
    // kafkajs reads this flag and retries.
    retriable: true,
  });
}
