import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { AuthenticationError, RequestRefusedError, SourceUnavailableError } from '../../../../core/errors.ts';
import { logger } from '../../../../core/logger.ts';
import { ImportJobs } from '../../../../operations/import/import-jobs.ts';
import { ChartMogulClient } from '../../../../producers/chartmogul/client.ts';
import { createApiServer } from '../../../helpers/api-server.ts';
import { createFolder, importSettings } from '../../../helpers/import-file.ts';

logger.level = 'silent';

const noSignal = new AbortController().signal;
const policy = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1 };
const body = '{"external_id":"x"}';

type Answer = (response: ServerResponse) => void;

const json =
  (status: number, value: object): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const missing = json(404, { error: 'Import not found' });
const queued = json(200, { status: 'queued', status_details: {} });
const completed = json(200, { status: 'completed', status_details: { plans: { status: 'imported' } } });
const lost: Answer = (response) => response.destroy();

/** Creates import jobs whose API returns each list of answers in order, then repeats the last. */
async function createJobs(t: TestContext, lookups: readonly Answer[], posts: readonly Answer[]) {
  const asked: string[] = [];
  const next = (name: string, answers: readonly Answer[], response: ServerResponse) => {
    const index = asked.filter((other) => other === name).length;
    asked.push(name);
    (answers[index] ?? answers.at(-1) ?? missing)(response);
  };
  const { baseUrl } = await createApiServer(t, {
    '/data_sources/ds_1/json_imports/x': (_, response) => next('look-up', lookups, response),
    '/data_sources/ds_1/json_imports': (_, response) => next('POST', posts, response),
  });
  const client = new ChartMogulClient(importSettings(baseUrl, createFolder(t)).chartmogul, noSignal, {
    ...policy,
    attempts: 1,
  });
  t.after(() => client.close());
  return { jobs: new ImportJobs(client, 'ds_1', policy), asked };
}

test('submit looks up the import before it sends the request', async (t) => {
  const { jobs, asked } = await createJobs(t, [missing], [queued]);
  assert.equal((await jobs.submit('x', body, false, noSignal)).status, 'queued');
  assert.deepEqual(asked, ['look-up', 'POST']);
});

test('submit sends nothing if ChartMogul already has the import', async (t) => {
  const { jobs, asked } = await createJobs(t, [completed], [queued]);
  assert.equal((await jobs.submit('x', body, false, noSignal)).status, 'completed');
  assert.deepEqual(asked, ['look-up']);
});

test('submit finds a request whose answer was lost, and does not send it again', async (t) => {
  const { jobs, asked } = await createJobs(t, [missing, queued], [lost]);
  assert.equal((await jobs.submit('x', body, false, noSignal)).status, 'queued');
  assert.deepEqual(asked, ['look-up', 'POST', 'look-up']);
});

test('submit resends a request that never arrived', async (t) => {
  const { jobs, asked } = await createJobs(t, [missing], [lost, queued]);
  assert.equal((await jobs.submit('x', body, false, noSignal)).status, 'queued');
  assert.deepEqual(asked, ['look-up', 'POST', 'look-up', 'POST']);
});

test('submit accepts the refusal of a retry if an earlier attempt arrived late', async (t) => {
  const refused = json(422, { message: 'external_id exists' });
  const { jobs, asked } = await createJobs(t, [missing, missing, queued], [lost, refused]);
  assert.equal((await jobs.submit('x', body, false, noSignal)).status, 'queued');
  assert.deepEqual(asked, ['look-up', 'POST', 'look-up', 'POST', 'look-up']);
});

test('submit repeats the lookup of a request that an earlier process may have sent', async (t) => {
  const { jobs, asked } = await createJobs(t, [missing, queued], [queued]);
  assert.equal((await jobs.submit('x', body, true, noSignal)).status, 'queued');
  assert.deepEqual(asked, ['look-up', 'look-up']);
});

test('submit fails with the reason that the API returns, or after its last attempt', async (t) => {
  const refused = json(422, { errors: { customers: ['is missing'] } });
  const { jobs } = await createJobs(t, [missing], [refused]);
  await assert.rejects(
    jobs.submit('x', body, false, noSignal),
    (error) => error instanceof RequestRefusedError && /customers: is missing/.test(error.message),
  );
  const away = await createJobs(t, [missing], [lost]);
  await assert.rejects(away.jobs.submit('x', body, false, noSignal), SourceUnavailableError);
  assert.equal(away.asked.filter((name) => name === 'POST').length, 3);
  const denied = await createJobs(t, [json(401, { message: 'No valid API key provided' })], [queued]);
  await assert.rejects(denied.jobs.submit('x', body, false, noSignal), AuthenticationError);
  assert.deepEqual(denied.asked, ['look-up']);
});

test('ended polls until the import has ended, and tolerates a lookup that does not find it', async (t) => {
  const unknown = json(200, { status: 'unheard-of' });
  const { jobs, asked } = await createJobs(t, [missing, queued, unknown, completed], []);
  const job = { externalId: 'x', status: 'queued', details: {} };
  assert.deepEqual(await jobs.ended(job, noSignal), {
    externalId: 'x',
    status: 'completed',
    details: { plans: { status: 'imported' } },
  });
  assert.equal(asked.length, 4);
});
