import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import snappy from 'snappy';
import { parseWriterSchema } from '../../consumers/schema/writer-schema.ts';
import { compileRowTranscoder } from '../../consumers/transcode/compile.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';
import { Registry } from '../../core/avro/registry.ts';
import { parseStreamSchema } from '../../core/avro/parse-schema.ts';
import { loadSettings, settingDocs } from '../../core/settings/config.ts';
import {
  ConfigError,
  DecodeError,
  IncompatibleSchemaError,
  UnreadableBatchError,
} from '../../core/errors.ts';
import { UnreadableMessage } from '../../core/kafka/decoder/fetched-message.ts';
import { messagesOf } from '../../core/kafka/decoder/packed-batch.ts';
import { decodeFetched } from '../../core/kafka/decoder/record-batch.ts';
import { Secret } from '../../core/settings/secret.ts';
import { setSizeLimit } from '../../core/size-limit.ts';
import { ChartMogulClient } from '../../producers/chartmogul/client.ts';
import { knownStreams } from '../../producers/chartmogul/known-streams.ts';
import { readList } from '../../producers/chartmogul/list-reader.ts';
import { choicesOf, encode, varint } from '../fixtures/avro-encoder.ts';
import { namesOf, schemas, valuesOf } from '../fixtures/avro-schemas.ts';
import { anyBatch, batchBytes, recordBytes, sized } from '../fixtures/record-batches.ts';
import { columnsOf } from '../fixtures/tables.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { assertClear, fuzz, mutated } from '../helpers/fuzz.ts';
import { noSignal } from '../helpers/settings.ts';

// Any external input becomes a value, one clear error line or one dead letter. It never causes a
// crash, unbounded memory use or a read beyond the end of a message.

setSizeLimit(16);
const SECRET = 's3cret-of-ours';
const once = { attempts: 1, attemptMs: 5_000, firstDelayMs: 1, maxDelayMs: 1 };

const counts = fc
  .oneof(
    fc.bigInt(-70n, 70n),
    fc.constantFrom(2n ** 31n - 1n, -(2n ** 31n), 2n ** 40n, 2n ** 63n - 1n, -(2n ** 63n)),
  )
  .map((count) => varint(count));
/** Counts and lengths of blocks, some adjacent and some with bytes between them. */
const hostileCounts = fc
  .array(
    fc.oneof(
      counts,
      fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.concat(parts));

test('Avro bytes become a row or a DecodeError, regardless of the bytes after them', async (t) => {
  const inputs = schemas.chain((schema) => {
    const names = namesOf(schema);
    const encoded = fc
      .tuple(valuesOf(schema, names), fc.array(fc.nat(3), { maxLength: 8 }))
      .map(([value, choices]) => encode(schema, value, names, choicesOf(choices)));
    return fc.record({
      schema: fc.constant(schema),
      messages: fc.array(fc.oneof(mutated(encoded), hostileCounts, mutated(hostileCounts)), {
        maxLength: 20,
      }),
    });
  });
  await fuzz(t, inputs, ({ schema, messages }) => {
    const parsed = parseWriterSchema(JSON.stringify(schema), 'a schema');
    const transcoder = compileRowTranscoder(parsed, columnsOf(parsed), []);
    const outcomeOf = (message: Buffer, behind: number) => {
      const out = new RowBuffer(16);
      const stored = Buffer.concat([message, Buffer.alloc(64, behind)]).subarray(0, message.length);
      try {
        transcoder.transcode(stored, 0, out);
        return Buffer.from(out.bytes.subarray(0, out.length)).toString('hex');
      } catch (error) {
        assertClear(error);
        assert.ok(error instanceof DecodeError, error.stack);
        assert.equal(out.length, 0, 'a part of the row remains');
        return error.message;
      }
    };
    for (const message of messages) assert.equal(outcomeOf(message, 0), outcomeOf(message, 255));
  });
});

const compressors = [
  (bytes: Buffer) => bytes,
  gzipSync,
  (bytes: Buffer) => snappy.compressSync(bytes),
  (bytes: Buffer) => compressFrameSync(bytes),
  // One raw block, because zstddec only decompresses.
  (bytes: Buffer) => Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), zstdHeader(bytes.length), bytes]),
] as const;

function zstdHeader(size: number): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | 1, 0, 3);
  return header;
}

test('record batches become messages or an UnreadableBatchError, whatever bytes follow', async (t) => {
  const compressed = fc.record({ batch: anyBatch, codec: fc.nat(4) }).chain(({ batch, codec }) => {
    const plain = Buffer.concat(batch.records.map((record) => sized(recordBytes(record))));
    const compress = compressors[codec] ?? gzipSync;
    return fc
      .oneof(
        mutated(fc.constant(plain)).map((bytes) => Buffer.from(compress(bytes))),
        mutated(fc.constant(Buffer.from(compress(plain)))),
      )
      .map((body) => {
        const bytes = batchBytes({ ...batch, attributes: 0 }, { body, count: batch.records.length });
        bytes.writeInt16BE(codec, 21);
        return bytes;
      });
  });
  const answers = fc.array(fc.oneof(compressed, mutated(anyBatch.map((batch) => batchBytes(batch)))), {
    minLength: 1,
    maxLength: 3,
  });
  await fuzz(
    t,
    fc.oneof(
      answers.map((all) => Buffer.concat(all)),
      mutated(answers.map((all) => Buffer.concat(all))),
    ),
    async (answer) => {
      const outcomeOf = async (behind: number) => {
        try {
          const stored = Buffer.concat([answer, Buffer.alloc(64, behind)]).subarray(0, answer.length);
          const messages = [...messagesOf(await decodeFetched(stored))];
          return messages.map((message) => {
            if (message instanceof UnreadableMessage) return message.error.message;
            const { offset, timestamp, key, value } = message;
            try {
              return [offset, timestamp, key, value, message.headers].map((part) => JSON.stringify(part));
            } catch (error) {
              assert.ok(error instanceof UnreadableBatchError, String(error));
              return error.message;
            }
          });
        } catch (error) {
          assertClear(error);
          assert.ok(error instanceof UnreadableBatchError, error.stack);
          return error.message;
        }
      };
      assert.deepEqual(await outcomeOf(0), await outcomeOf(255));
    },
  );
});

const encodings = {
  '': (bytes: Buffer) => bytes,
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  'gzip, br': (bytes: Buffer) => brotliCompressSync(gzipSync(bytes)),
  nonsense: (bytes: Buffer) => bytes,
} as const;

/** A response whose body is valid JSON, mutated JSON or anything else. */
const answersOf = (json: fc.Arbitrary<unknown>) =>
  fc
    .record({
      status: fc.constantFrom(200, 200, 200, 200, 201, 204, 302, 400, 403, 404, 422, 429, 500, 503),
      type: fc.constantFrom('application/json', 'text/html', 'application/json; charset=utf-16', 'x'),
      encoding: fc.constantFrom(...(Object.keys(encodings) as (keyof typeof encodings)[])),
      body: fc.oneof(
        json.map((value) => Buffer.from(JSON.stringify(value))),
        mutated(json.map((value) => Buffer.from(JSON.stringify(value)))),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.constantFrom('[', '{"a":', '"\\ud800', '1e').map((text) => Buffer.from(text.repeat(5_000))),
        fc.constant(Buffer.from(`<h1>${SECRET} \u001b]52;c;x\u0007\r\u202e</h1>`)),
      ),
    })
    .chain(({ body, encoding, ...rest }) => {
      const encoded = encodings[encoding](body);
      return fc.record({
        ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, fc.constant(value)])),
        encoding: fc.constant(encoding),
        body: fc.oneof(fc.constant(encoded), mutated(fc.constant(encoded))),
      }) as fc.Arbitrary<typeof rest & { encoding: string; body: Buffer }>;
    });
type Sent = typeof answersOf extends (json: never) => fc.Arbitrary<infer T> ? T : never;

/** Creates a server that returns the same response for every path. The test sets this response. */
async function fuzzedServer(t: TestContext, paths: readonly string[]) {
  const now: { sent?: Sent } = {};
  const respond = (_: unknown, response: ServerResponse) => {
    const { status = 500, type = '', encoding = '', body = Buffer.alloc(0) } = now.sent ?? {};
    response
      .writeHead(status, { 'content-type': type, ...(encoding && { 'content-encoding': encoding }) })
      .end(body);
  };
  const { baseUrl } = await createApiServer(t, Object.fromEntries(paths.map((path) => [path, respond])));
  return { baseUrl, now };
}

const anyRecord = fc.oneof(fc.record({ uuid: fc.string(), name: fc.jsonValue() }), fc.jsonValue());
const anyPage = fc.record(
  {
    plans: fc.oneof(fc.array(anyRecord, { maxLength: 5 }), fc.jsonValue()),
    entries: fc.jsonValue(),
    has_more: fc.oneof(fc.boolean(), fc.jsonValue()),
    cursor: fc.jsonValue(),
    meta: fc.jsonValue(),
    page: fc.jsonValue(),
    total_pages: fc.jsonValue(),
    current_page: fc.jsonValue(),
    __proto__: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

test('API responses become pages or a one-line error', async (t) => {
  const { baseUrl, now } = await fuzzedServer(t, ['/plans']);
  const settings = { apiKey: new Secret(SECRET), baseUrl, maxRequestsPerSecond: 10_000 };
  const client = new ChartMogulClient(settings, noSignal, once);
  t.after(() => client.close());
  const list = { path: '/plans', listKey: 'plans' } as unknown as Parameters<typeof readList>[1];
  await fuzz(t, answersOf(anyPage), async (sent) => {
    now.sent = sent;
    try {
      let pages = 0;
      const reading = readList(client, list, {});
      while ((await reading.next()).done !== true) assert.ok(++pages <= 300);
    } catch (error) {
      assertClear(error, [SECRET]);
    }
  });
});

const anySchemaText = fc.oneof(
  schemas.map((schema) => JSON.stringify(schema)),
  mutated(schemas.map((schema) => Buffer.from(JSON.stringify(schema)))).map(String),
  fc.string(),
);

test('registry responses become schemas or a one-line error', async (t) => {
  const { baseUrl, now } = await fuzzedServer(t, ['/schemas/ids/1']);
  const answer = fc.record(
    {
      id: fc.oneof(fc.nat(), fc.jsonValue()),
      schema: fc.oneof(anySchemaText, fc.jsonValue()),
      schemaType: fc.oneof(fc.constantFrom('AVRO', 'JSON', 'PROTOBUF'), fc.jsonValue()),
      references: fc.jsonValue(),
      version: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  await fuzz(t, answersOf(answer), async (sent) => {
    now.sent = sent;
    const credentials = { username: 'u', password: new Secret(SECRET) };
    const registry = new Registry({ url: baseUrl, credentials }, noSignal);
    try {
      const text = await registry.schemaText(1, once);
      if (text === undefined) return;
      for (const parse of [parseStreamSchema, parseWriterSchema]) {
        try {
          parse(text.text, 'schema 1');
        } catch (error) {
          assertClear(error, [SECRET]);
          assert.ok(error instanceof IncompatibleSchemaError, error.stack);
        }
      }
    } catch (error) {
      assertClear(error, [SECRET]);
    }
  });
});

// A random command might run a harmful program.
const names = [...settingDocs.map(({ name }) => name), 'CONFIG_FILE'].filter(
  (name) => !name.endsWith('_COMMAND'),
);
const anyValue = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.constantFrom(
    ...[
      '-1',
      '0',
      '1e9',
      'NaN',
      'true',
      '/',
      '/dev/null',
      '/proc/self/mem',
      'http://',
      'https://a:b@c',
      'http://[::1',
    ],
    ...[
      '127.0.0.1:9092',
      ':',
      ',',
      '[::1]:1',
      'a'.repeat(100_000),
      '\u202e\u001b[31m',
      '2024-02-30',
      'month',
    ],
  ),
);
const secretNames = names.filter((name) => /(?:KEY|PASSWORD)$/.test(name));

/** Asserts that settings load, or fail with one clear line without any of the secrets. */
function assertLoads(env: NodeJS.ProcessEnv, secrets: readonly (string | undefined)[]) {
  try {
    knownStreams(loadSettings(env, ''));
  } catch (error) {
    assertClear(
      error,
      secrets.flatMap((secret) => (secret !== undefined && secret.length > 8 ? [secret] : [])),
    );
    assert.ok(error instanceof ConfigError, error.stack);
  } finally {
    setSizeLimit(16);
  }
}

test('settings are accepted, or rejected in one line without a secret', (t) =>
  fuzz(t, fc.dictionary(fc.constantFrom(...names), anyValue, { maxKeys: 6 }), (env) =>
    assertLoads(
      env,
      secretNames.map((name) => env[name]),
    ),
  ));

test('a CONFIG_FILE is accepted, or rejected in one line without a secret', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'settings.json');
  const stream = fc.record(
    {
      name: fc.oneof(fc.string(), fc.constantFrom('plans', 'x', '__proto__')),
      path: fc.oneof(fc.string(), fc.webPath()),
      primaryKey: fc.jsonValue(),
      listKey: fc.jsonValue(),
      parent: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const file = fc.dictionary(
    fc.oneof(fc.constantFrom(...names, 'streams', '__proto__'), fc.string()),
    fc.oneof(anyValue, fc.jsonValue(), fc.array(stream, { maxLength: 3 })),
    { maxKeys: 6 },
  );
  const bytes = fc.oneof(
    file.map((value) => Buffer.from(JSON.stringify(value))),
    mutated(file.map((value) => Buffer.from(JSON.stringify(value)))),
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.constantFrom('[', '{"a":').map((text) => Buffer.from(text.repeat(100_000))),
  );
  await fuzz(t, bytes, (content) => {
    writeFileSync(path, content);
    assertLoads({ CONFIG_FILE: path, CHARTMOGUL_API_KEY: SECRET }, [SECRET]);
  });
});
