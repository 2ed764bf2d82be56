import assert from 'node:assert/strict';
import test from 'node:test';
import * as errors from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { Secret } from '../../../../core/settings/secret.ts';
import { answerError, parseRetryAfter } from '../../../../producers/chartmogul/answer-error.ts';
import { listWithin } from '../../../../producers/chartmogul/list.ts';

const lists: readonly (readonly [JsonObject, unknown])[] = [
  [{ invoices: [1], entries: [2], other: [3] }, [1]],
  [{ entries: [2], other: [3] }, [2]],
  [{ invoices: null, entries: [2] }, [2]],
  [{ other: [3], has_more: false }, [3]],
  [{ invoices: [] }, []],
  [{ a: [], b: [] }, /"invoices"; got several lists.*a, b/],
  [{ a: 1, b: {} }, /"invoices"; got no list.*a, b/],
  [{ invoices: {} }, /no list.*invoices/],
  [{ entries: null, other: [3] }, /"invoices"; got no list.*entries, other/],
  [{ invoices: null, errors: ['x'] }, /no list.*invoices, errors/],
  [{ invoices: {}, other: [3] }, /no list.*invoices, other/],
  [{ entries: 'none', other: [] }, /no list.*entries, other/],
  [{ invoices: [1], entries: null, other: [3] }, [1]],
  [{}, /no list.*none/],
];
for (const [answer, expected] of lists) {
  test(`listWithin ${expected instanceof RegExp ? 'rejects' : 'finds the list in'} ${JSON.stringify(answer)}`, () => {
    const read = () => listWithin(answer, 'invoices', '/invoices, page 1');
    if (!(expected instanceof RegExp)) assert.deepEqual(read(), expected);
    else
      assert.throws(
        read,
        (error) => error instanceof errors.UnexpectedAnswerError && expected.test(error.message),
      );
  });
}

const statuses: readonly (readonly [number, string, string, RegExp])[] = [
  [
    401,
    '{"code":401,"message":"No valid API key provided","param":null}',
    'AuthenticationError',
    /No valid.*CHARTMOGUL_API_KEY/,
  ],
  [
    403,
    '{"message":"Your plan does not include CRM"}',
    'AccessDeniedError',
    /403.*plan does not include CRM/,
  ],
  [403, '', 'AccessDeniedError', /403.*plan/],
  [405, '', 'RequestRefusedError', /405/],
  [410, '', 'StreamNotFoundError', /410.*does not have this list/],
  [404, '{"error":"Data source not found"}', 'StreamNotFoundError', /Data source not found/],
  [
    429,
    '{"code":429,"message":"Your request rate has exceeded our rate limit.","param":null}',
    'RateLimitedError',
    /exceeded/,
  ],
  [503, 'busy', 'RateLimitedError', /503/],
  [500, 'x', 'SourceUnavailableError', /500/],
  [504, '504 Gateway Timeout Error', 'SourceUnavailableError', /504/],
  [520, '', 'SourceUnavailableError', /520/],
  [524, '<html>', 'SourceUnavailableError', /524/],
  [408, '', 'SourceUnavailableError', /408/],
  [
    400,
    '{"code":400,"message":"Parameter \\"page\\" is deprecated","param":"page"}',
    'RequestRefusedError',
    /"page" is deprecated/,
  ],
  [402, '[]', 'RequestRefusedError', /402/],
  [
    422,
    '{"errors":{"name":"A name is required"}}',
    'RequestRefusedError',
    /422 \(name: A name is required\)/,
  ],
  [422, '{"errors":{"currency":["is unknown"]}}', 'RequestRefusedError', /422 \(currency: is unknown\)/],
  [301, 'null', 'UnexpectedAnswerError', /301/],
];
for (const [status, body, name, message] of statuses) {
  test(`status ${status} with ${body || 'no body'} becomes ${name}`, () => {
    const error = answerError({ status, path: '/customers', body });
    assert.equal(error.name, name);
    assert.match(error.message, message);
    assert.match(error.message, /\/customers/);
    assert.ok(error.message.length < 500 && !error.message.includes('\n'));
  });
}

test('a 403 from /ping means that ChartMogul rejects the key', () => {
  const error = answerError({ status: 403, path: '/ping', body: '' });
  assert.ok(error instanceof errors.AuthenticationError);
  assert.match(error.message, /\/ping returned 403.*CHARTMOGUL_API_KEY/);
});

test('a message of many lines is cut to one short line', () => {
  const body = JSON.stringify({ message: 'line\n'.repeat(10_000) });
  const { message } = answerError({ status: 500, path: '/x', body });
  assert.ok(message.length < 350 && !message.includes('\n'));
});

test("a rate-limit error includes the server's Retry-After", () => {
  const error = answerError({ status: 429, path: '/x', body: '', retryAfter: '7' });
  assert.ok(error instanceof errors.RateLimitedError);
  assert.equal(error.retryAfterMs, 7000);
  assert.match(error.message, /asks clients to wait 7 s/);
});

const now = Date.parse('2026-01-01T00:00:00Z');
const retryAfters: readonly (readonly [string | undefined, number | undefined])[] = [
  ['2', 2000],
  ['0', 0],
  ['1.5', 1500],
  ['Thu, 01 Jan 2026 00:00:09 GMT', 9000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', undefined],
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['-5', undefined],
  ['NaN', undefined],
  ['Infinity', undefined],
  ['9'.repeat(400), undefined],
];
for (const [value, ms] of retryAfters) {
  test(`a Retry-After of ${JSON.stringify(value?.slice(0, 40))} is ${ms === undefined ? 'ignored' : `${ms} ms`}`, () => {
    assert.equal(parseRetryAfter(value, now), ms);
  });
}

test('an error shows the content type and the beginning of the body', () => {
  const body = '<html><body>\n<h1>Sign in to the network</h1></body></html>';
  const answer = { status: 502, path: '/customers', body, contentType: 'text/html; charset=utf-8' };
  const { message } = answerError(answer);
  assert.match(message, /502 \(text\/html; charset=utf-8, begins "<html><body> <h1>Sign in to the network/);
});

test('an error never shows the key, in whatever form the server echoes it', () => {
  const key = 'k&y/1';
  new Secret(key);
  const forms = [key, encodeURIComponent(key), Buffer.from(`${key}:`).toString('base64')];
  for (const form of forms) {
    for (const body of [`<p>bad credentials ${form}</p>`, JSON.stringify({ message: `Basic ${form}` })]) {
      const { message } = answerError({ status: 500, path: '/x', body });
      assert.ok(!message.includes(form), message);
      assert.match(message, /\[secret\]/);
    }
  }
});
