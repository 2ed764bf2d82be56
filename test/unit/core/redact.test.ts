import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { loadSettings } from '../../../core/settings/config.ts';
import { messageOf, notAnswering, ServiceRefusedError } from '../../../core/errors.ts';
import { foreignText } from '../../../core/http/foreign-text.ts';
import { Secret } from '../../../core/settings/secret.ts';

const key = 'sk_Live+7/ä"\\&Zq=9';
new Secret(key);
new Secret('öd4');

const base64 = (text: string) => Buffer.from(text).toString('base64');
const base64url = (text: string) => Buffer.from(text).toString('base64url');
const perByte = (text: string) =>
  Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const unicode = (text: string) =>
  text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const forms: Readonly<Record<string, (text: string) => string>> = {
  'in plain text': (text) => text,
  'in lowercase': (text) => text.toLowerCase(),
  'in capitals': (text) => text.toUpperCase(),
  'as base64': base64,
  'as base64 after one byte': (text) => base64(`x${text}`),
  'as base64 after two bytes': (text) => base64(`xy${text}`),
  'as base64 between user and colon': (text) => base64(`user:${text}:`),
  'as base64 without padding': (text) => base64(text).replace(/=+$/, ''),
  'as base64url': (text) => base64url(`${text}>>>???`),
  'as base64 in a URL': (text) => encodeURIComponent(base64(`?>${text}`)),
  'as base64 over several lines': (text) => base64(text).replace(/.{7}/g, '$&\r\n '),
  'as base64 in lowercase': (text) => base64(text).toLowerCase(),
  'in a URL': encodeURIComponent,
  'in a URL, in lowercase': (text) => encodeURIComponent(text).toLowerCase(),
  'in a form': (text) => new URLSearchParams({ text }).toString().slice('text='.length),
  'encoded byte by byte': perByte,
  'encoded twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  'as JSON': (text) => JSON.stringify(text),
  'as JSON within JSON': (text) => JSON.stringify(JSON.stringify(text)),
  'as JSON escapes': unicode,
  'as HTML': (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
  'as HTML character references': (text) => Array.from(text, (c) => `&#${c.codePointAt(0) ?? 0};`).join(''),
  'in hex digits': (text) => Buffer.from(text).toString('hex'),
  'broken over two lines': (text) => `${text.slice(0, 6)}\r\n\t${text.slice(6)}`,
  'broken by a control character': (text) => `${text.slice(0, 3)}\u0000${text.slice(3)}`,
  'broken by a zero-width character': (text) => `${text.slice(0, 3)}\u200b${text.slice(3)}`,
};

/** Returns a fragment of the encoded secret that the text still contains, if any. */
function leftOf(form: string, said: string): string | undefined {
  const size = 9;
  for (let at = 0; at + size <= form.length; at++) {
    const part = form.slice(at, at + size);
    if (said.includes(part)) return part;
  }
  return undefined;
}

for (const [name, formOf] of Object.entries(forms)) {
  test(`foreign text does not show a secret ${name}`, () => {
    const form = formOf(key);
    const said = foreignText(`<p>bad ${form}</p> and ${form}`);
    assert.match(said, /^<p>bad .*\[secret\]/);
    assert.match(said, /<\/p> and .*\[secret\]/);
    // The user part of the base64 text may stay.
    if (!name.includes('user')) assert.equal(leftOf(form, said), undefined, said);
  });
}

test('foreignText removes a short secret only as a whole word', () => {
  assert.equal(foreignText('öd4:ÖD4, söd4x'), '[secret]:[secret], söd4x');
});

test('a secret is removed at any position before the text is truncated', () => {
  const secrets = fc.stringMatching(/^[!-~äÖ€😀][ -~äÖ€😀]{4,40}[!-~äÖ€😀]$/u);
  fc.assert(
    fc.property(secrets, fc.nat(330), fc.constantFrom(...Object.values(forms)), (secret, before, formOf) => {
      const form = formOf(secret);
      new Secret(secret);
      const said = foreignText(`${'é'.repeat(before)} ${form} tail`);
      assert.ok(Array.from(said).length <= 301);
      assert.ok(!said.includes(form) || form.length < 4, said);
      assert.doesNotMatch(said, /\[(s(e(c(r(et?)?)?)?)?)?…$/);
    }),
    { numRuns: 200 },
  );
});

test('foreignText truncates megabytes of text, even if the cut splits a secret', () => {
  const said = foreignText(`${' '.repeat(32_768 - 9)}${key.slice(0, 9)}${'x'.repeat(2_000_000)}`);
  assert.equal(said, '…');
  assert.equal(foreignText('😀'.repeat(400)), `${'😀'.repeat(300)}…`);
});

test('the search for secrets finishes even on repetitive text', () => {
  new Secret('aaaaaaaaaaaaaaaaaaaaaaaaab');
  new Secret('\\\\\\\\\\\\\\\\\\\\"');
  for (const unit of ['a', 'a\n', 'a\n  ', 'a\\n', '\\', '%25', '&#0', 'YWFh', '\u200b'])
    assert.ok(foreignText(unit.repeat(32_768 / unit.length)).length <= 301);
});

test('secrets are redacted as soon as settings are read, even if the settings are rejected', () => {
  const env = {
    CHARTMOGUL_API_KEY: 'planted-key-1',
    KAFKA_PASSWORD: 'planted-kafka-2',
    SCHEMA_REGISTRY_PASSWORD: 'planted-registry-3',
    CLICKHOUSE_PASSWORD: 'planted-clickhouse-4',
    HTTPS_PROXY: 'http://proxy-user:planted%2Fproxy-5@127.0.0.1:1',
    HTTP_PROXY: 'http://planted-token-6@127.0.0.1:1',
    CLICKHOUSE_URL: 'ftp://user:planted-address-7@host',
  };
  assert.throws(() => loadSettings(env, ''));
  const said = foreignText(`${Object.values(env).join(' ')} ${base64('proxy-user:planted/proxy-5')}`);
  assert.doesNotMatch(said, /planted-/);
  assert.doesNotMatch(said, new RegExp(base64('planted/').slice(0, 6)));
});

test('an error does not show a secret from the message of another error', () => {
  const cause = new Error(
    `connect http://127.0.0.1/?token=${encodeURIComponent(key)} failed\u001b]52;c;x\u0007`,
  );
  const { message } = notAnswering('ClickHouse', 'here', cause);
  assert.match(message, /token=\[secret\] failed \]52;c;x;/);
  assert.equal(messageOf(new ServiceRefusedError(`said ${key}`)), 'said [secret]');
  assert.equal(messageOf(new AggregateError([new Error(key), 'x'])), '[secret]; x');
});

test("a password that is a common word stays in the project's own sentences", () => {
  new Secret('clickhouse');
  const { message } = new ServiceRefusedError('ClickHouse at here (CLICKHOUSE_URL)');
  assert.equal(messageOf(new ServiceRefusedError(message)), message);
  assert.equal(foreignText('wrong password clickhouse'), 'wrong password [secret]');
});
