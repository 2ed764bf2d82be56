import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { framed } from '../../../../core/avro/wire-format.ts';
import { readStreamSchema } from '../../../../core/avro/schema-files.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import {
  AccessDeniedError,
  AuthenticationError,
  DecodeError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
} from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';
import { evolve } from '../../../../producers/encode/drift.ts';
import { prove, type ProofContext, type Verdict } from '../../../../producers/state/delete-proof.ts';
import type { Vanished } from '../../../../producers/state/vanished.ts';
import {
  ChartMogulClient,
  type Query,
  type RequestObserver,
} from '../../../../producers/chartmogul/client.ts';
import { streams, type DeleteProof } from '../../../../producers/chartmogul/streams.ts';
import { FakeRegistry } from '../../../helpers/fake-registry.ts';
import { noSignal } from '../../../helpers/settings.ts';

/** The answer to each path and query. Other requests are answered with 404. */
type Answers = Readonly<Record<string, JsonObject | Error | Promise<JsonObject>>>;

class FakeClient extends ChartMogulClient {
  readonly asked: string[] = [];
  readonly #answers: Answers;

  constructor(answers: Answers) {
    super(loadSettings({ CHARTMOGUL_API_KEY: 'key' }, '').chartmogul, noSignal);
    this.#answers = answers;
  }

  override async get(path: string, query: Query = {}, observer: RequestObserver = {}): Promise<JsonObject> {
    observer.onRequest?.();
    const pairs = Object.entries(query).map(([name, value]) => `${name}=${value}`);
    const address = pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
    this.asked.push(address);
    const answer = await this.#answers[address];
    if (answer === undefined) throw new StreamNotFoundError(`${path} answered 404`);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

function proofOf(stream: string): DeleteProof {
  const proof = streams.find(({ name }) => name === stream)?.deletes;
  assert.ok(proof !== undefined);
  return proof;
}

const vanished = (key: string, some: Partial<Vanished> = {}): Vanished => ({
  key,
  value: undefined,
  parent: undefined,
  isParentGone: false,
  ...some,
});

async function proveWith(
  stream: string,
  records: readonly Vanished[],
  answers: Answers = {},
  some: Partial<ProofContext> = {},
) {
  const client = new FakeClient(answers);
  let requests = 0;
  const verdicts = await prove(proofOf(stream), records, {
    client,
    registry: new FakeRegistry(),
    observer: { onRequest: () => requests++ },
    missing: new Set(),
    ...some,
  });
  assert.equal(requests, client.asked.length);
  return { verdicts, asked: client.asked };
}

const verdictsOf = (verdicts: readonly Verdict[]) => verdicts.map(({ key, verdict }) => `${key} ${verdict}`);

test('a key whose URL returns 404 is gone, and a key whose URL returns a record exists', async () => {
  const { verdicts, asked } = await proveWith('plans', [vanished('pl_1'), vanished('pl_2')], {
    '/plans/pl_2': { uuid: 'pl_2' },
  });
  assert.deepEqual(verdicts, [
    { key: 'pl_1', parent: undefined, verdict: 'gone', mergedInto: undefined },
    { key: 'pl_2', parent: undefined, verdict: 'there', mergedInto: undefined },
  ]);
  assert.deepEqual(asked, ['/plans/pl_1', '/plans/pl_2']);
});

test('a lookup uses the exact key and the filters that reveal hidden records', async () => {
  const hidden = '?validation_type=all&with_disabled=true';
  const { verdicts, asked } = await proveWith('invoices', [vanished('inv/1?$&'), vanished('inv_2')], {
    [`/invoices/inv_2${hidden}`]: {},
  });
  assert.deepEqual(asked, [`/invoices/inv%2F1%3F%24%26${hidden}`, `/invoices/inv_2${hidden}`]);
  assert.deepEqual(verdictsOf(verdicts), ['inv/1?$& gone', 'inv_2 there']);
});

test('a key that would change the address is not looked up and must be missed twice', async () => {
  const strange = ['.', '..', '', '\ud800'];
  const encoded = ['%2e%2e', 'a/../b', '../x', '...', '.a'];
  const { verdicts, asked } = await proveWith(
    'plans',
    [...strange, ...encoded].map((key) => vanished(key)),
    {},
    { missing: new Set(['..']) },
  );
  assert.deepEqual(verdictsOf(verdicts), [
    '. missing',
    '.. gone',
    ' missing',
    '\ud800 missing',
    ...encoded.map((key) => `${key} gone`),
  ]);
  assert.deepEqual(
    asked,
    encoded.map((key) => `/plans/${encodeURIComponent(key)}`),
  );
});

for (const error of [
  new SourceUnavailableError('/plans/pl_2 answered 500'),
  new RequestRefusedError('/plans/pl_2 answered 400'),
  new AuthenticationError('/plans/pl_2 answered 403'),
  new UnexpectedAnswerError('/plans/pl_2 answered with JSON that is not an object'),
]) {
  test(`prove returns no verdict if a lookup fails with ${error.code}`, async () => {
    const keys = ['pl_1', 'pl_2', 'pl_3'].map((key) => vanished(key));
    await assert.rejects(proveWith('plans', keys, { '/plans/pl_2': error }), error);
  });
}

test('a key whose address is denied is only recorded as missing', async () => {
  const answers = { '/plans/pl_1': new AccessDeniedError('/plans/pl_1 answered 403') };
  const { verdicts } = await proveWith('plans', [vanished('pl_1'), vanished('pl_2')], answers);
  assert.deepEqual(verdictsOf(verdicts), ['pl_1 missing', 'pl_2 gone']);
});

test('at most 16 lookups run at the same time, and all complete', async () => {
  const keys = Array.from({ length: 40 }, (_, at) => `pl_${at}`);
  const waiting: (() => void)[] = [];
  const answer = () => new Promise<JsonObject>((resolve) => waiting.push(() => resolve({})));
  const client = new FakeClient(Object.fromEntries(keys.map((key) => [`/plans/${key}`, answer()])));
  const proved = prove(
    proofOf('plans'),
    keys.map((key) => vanished(key)),
    { client, registry: new FakeRegistry(), observer: {}, missing: new Set() },
  );
  for (let answered = 0; answered < keys.length; answered++) {
    for (let turns = 0; turns < 5; turns++) await turn();
    assert.equal(client.asked.length, Math.min(answered + 16, keys.length));
    waiting[answered]?.();
  }
  assert.deepEqual(
    verdictsOf(await proved),
    keys.map((key) => `${key} there`),
  );
});

/** Returns the last message of a customer, and the registry with its schema. */
function customer(key: string, fields: JsonObject, schema = readStreamSchema('customers')) {
  const registry = new FakeRegistry();
  const encoded = new RecordEncoder(schema).encode({ uuid: key, ...fields });
  assert.ok(encoded.drifts === undefined);
  registry.registered.push({ subject: 'test.customers-value', schema });
  const value = framed(registry.registered.length, encoded.avro);
  return { registry, record: vanished(key, { value }) };
}

const lost = { id: 2n ** 60n, external_ids: ['ext_1', null, 'ext_1', 'ext_2'] };
const heirs = (...entries: JsonObject[]) => ({ entries, has_more: false });

const merges: readonly (readonly [
  name: string,
  answers: Answers,
  mergedInto: string | undefined,
  externalIds?: readonly string[],
])[] = [
  [
    'was merged into the customer that now has its external id',
    { '/customers?external_id=ext_1': heirs({ uuid: 'cus_2', external_ids: ['other', 'ext_1'] }) },
    'cus_2',
    ['ext_1'],
  ],
  [
    'was merged into the customer that now has its second external id',
    {
      '/customers?external_id=ext_1': heirs(),
      '/customers?external_id=ext_2': heirs({ uuid: 'cus_3', external_ids: ['ext_2'] }),
    },
    'cus_3',
  ],
  [
    'has no merge target when no customer has its external ids',
    { '/customers?external_id=ext_1': heirs() },
    undefined,
  ],
  [
    'has no merge target when the list still shows it',
    { '/customers?external_id=ext_1': heirs({ uuid: 'cus_1', external_ids: ['ext_1'] }) },
    undefined,
  ],
  [
    'was merged into the other customer when the list shows both',
    {
      '/customers?external_id=ext_1': heirs(
        { uuid: 'cus_1', external_ids: ['ext_1'] },
        { uuid: 'cus_2', external_ids: ['ext_1'] },
      ),
    },
    'cus_2',
    ['ext_1'],
  ],
  [
    'has no merge target when the server does not filter',
    {
      '/customers?external_id=ext_1': heirs(
        { uuid: 'cus_2', external_ids: ['other'] },
        { uuid: 'cus_3', external_ids: 'ext_1' },
        { uuid: 'cus_4' },
        { uuid: 5, external_ids: ['ext_1'] },
      ),
    },
    undefined,
  ],
  [
    'has no merge target when the server rejects the filter',
    { '/customers?external_id=ext_1': new RequestRefusedError('/customers answered 400') },
    undefined,
  ],
];
for (const [name, answers, mergedInto, externalIds = ['ext_1', 'ext_2']] of merges) {
  test(`a customer that is gone ${name}`, async () => {
    const { registry, record } = customer('cus_1', lost);
    const { verdicts, asked } = await proveWith('customers', [record], answers, { registry });
    assert.deepEqual(verdicts, [{ key: 'cus_1', parent: undefined, verdict: 'gone', mergedInto }]);
    assert.deepEqual(asked, ['/customers/cus_1', ...externalIds.map((id) => `/customers?external_id=${id}`)]);
  });
}

test('prove does not search for the merge target of a customer that exists', async () => {
  const { registry, record } = customer('cus_1', lost);
  const { verdicts, asked } = await proveWith(
    'customers',
    [record],
    { '/customers/cus_1': {} },
    { registry },
  );
  assert.deepEqual(
    { verdicts: verdictsOf(verdicts), requests: asked },
    { verdicts: ['cus_1 there'], requests: ['/customers/cus_1'] },
  );
});

test('prove returns no verdict if the search for the merge target fails', async () => {
  const { registry, record } = customer('cus_1', lost);
  const error = new SourceUnavailableError('/customers answered 500');
  await assert.rejects(
    proveWith('customers', [record], { '/customers?external_id=ext_1': error }, { registry }),
    error,
  );
});

const unknown: readonly (readonly [name: string, JsonObject])[] = [
  ['no external ids', {}],
  ['an empty list of external ids', { external_ids: [] }],
];
for (const [name, fields] of unknown) {
  test(`a customer with ${name} is gone without a merge target`, async () => {
    const { registry, record } = customer('cus_1', fields);
    const { verdicts, asked } = await proveWith('customers', [record], {}, { registry });
    assert.deepEqual(
      { verdicts: verdictsOf(verdicts), requests: asked },
      { verdicts: ['cus_1 gone'], requests: ['/customers/cus_1'] },
    );
  });
}

test('external ids are read with the schema of the message, which may have more fields', async () => {
  const drift = { path: [], name: 'vat', kind: 'long' } as const;
  const schema = evolve(readStreamSchema('customers'), [drift]);
  const { registry, record } = customer('cus_1', { ...lost, vat: 2n ** 60n }, schema);
  const answers = { '/customers?external_id=ext_2': heirs({ uuid: 'cus_2', external_ids: ['ext_2'] }) };
  const { verdicts } = await proveWith('customers', [record], answers, { registry });
  assert.equal(verdicts[0]?.mergedInto, 'cus_2');
});

test('a message without Confluent framing causes a DecodeError', async () => {
  const record = vanished('cus_1', { value: Buffer.from('{}') });
  await assert.rejects(proveWith('customers', [record]), DecodeError);
});

test('a key that is not looked up is missing at first, and gone after a second complete run', async () => {
  const keys = ['se_1', 'se_2', 'se_3'].map((key) => vanished(key, { parent: 'p' }));
  const missing = new Set(['se_2', 'other']);
  const { verdicts, asked } = await proveWith('subscription_events', keys, {}, { missing });
  assert.deepEqual(asked, []);
  assert.deepEqual(verdicts, [
    { key: 'se_1', parent: 'p', verdict: 'missing', mergedInto: undefined },
    { key: 'se_2', parent: 'p', verdict: 'gone', mergedInto: undefined },
    { key: 'se_3', parent: 'p', verdict: 'missing', mergedInto: undefined },
  ]);
});

test('a key whose parent is gone is gone immediately', async () => {
  const keys = [vanished('1', { isParentGone: true, parent: 'cus_1' }), vanished('2', { parent: 'cus_2' })];
  const { verdicts } = await proveWith('customer_subscriptions', keys);
  assert.deepEqual(verdictsOf(verdicts), ['1 gone', '2 missing']);
});

test('a record of a stream whose history is rewritten must also be missed twice', async () => {
  const missing = new Set(['b']);
  const { verdicts, asked } = await proveWith('activities', [vanished('a'), vanished('b')], {}, { missing });
  assert.deepEqual(
    { verdicts: verdictsOf(verdicts), requests: asked },
    { verdicts: ['a missing', 'b gone'], requests: [] },
  );
});

test('prove returns no verdict for a stream that is not read completely', async () => {
  assert.deepEqual((await proveWith('metrics_mrr', [vanished('2026-01-01|month')])).verdicts, []);
});
