import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { runCommand } from '../helpers/command.ts';
import { committedMessages, folded } from '../helpers/committed.ts';
import { produceStreams, produceWith } from '../helpers/pipeline.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

type Answers = Record<string, ApiAnswers[string]>;

const list = (...records: readonly object[]) => JSON.stringify({ entries: records, has_more: false });
const refusing = (status: number, message: string) => (_: URLSearchParams, response: ServerResponse) =>
  response.writeHead(status).end(JSON.stringify({ message }));
const noCrm = refusing(403, 'Your plan does not include CRM');
const pong = '{"data":"pong!"}';

/** Creates a source whose responses a test may change at any time. */
async function createSource(t: TestContext, answers: Answers) {
  const { baseUrl, requests } = await createApiServer(t, answers);
  return { settings: createSettings(t, baseUrl), answers, requests };
}

async function liveKeys(
  settings: Parameters<typeof committedMessages>[0],
  stream: string,
): Promise<string[]> {
  return [...folded((await committedMessages(settings, stream)).get(stream) ?? []).keys()].sort();
}

test('produce reports a stream that the plan lacks as absent, reads the rest and exits with 0', async (t) => {
  const { settings } = await createSource(t, {
    '/ping': pong,
    '/plans': list({ uuid: 'pl_1' }),
    '/opportunities': noCrm,
    // An API key without access to customers has no access to their children.
    '/customers': noCrm,
  });
  const env = environmentOf(settings);
  const all = await runCommand(t, 'commands/produce.ts', [], env);
  assert.equal(all.exitCode, 0, all.stdout + all.stderr);
  assert.match(
    all.stdout,
    /^opportunities is absent from this account: \/opportunities returned 403 \(Your plan/m,
  );
  assert.match(all.stdout, /^customer_activities is absent from this account: customers.* is absent/m);
  assert.match(all.stderr, /"absent from this account"/);
  const status = await runCommand(t, 'commands/status.ts', ['--streams', 'opportunities,plans'], env);
  assert.equal(status.exitCode, 0, status.stderr);
  assert.match(status.stdout, /^opportunities .* absent /m);
  assert.match(status.stdout, /^opportunities is absent.*Your plan does not include CRM/m);
  assert.deepEqual(await liveKeys(settings, 'plans'), ['pl_1']);
});

test('an absent stream fails if it is requested or was read before, and deletes nothing', async (t) => {
  const { settings, answers } = await createSource(t, {
    '/plans': list({ uuid: 'pl_1' }),
    '/tasks': list({ task_uuid: 't_1' }),
    '/notes': list(),
    '/customers': list({ uuid: 'cus_1' }),
    '/customers/cus_1/activities': list({ id: 1 }),
  });
  const names = ['plans', 'tasks', 'notes', 'customer_activities', 'contacts'];
  const outcomes = async (asked: readonly string[] = []) => {
    const counts = await produceWith(settings, { asked: new Set(asked) }, ...names);
    return Object.fromEntries(
      counts.map(({ stream, failure, isAbsent }) => [
        stream,
        failure?.name ?? (isAbsent ? 'absent' : 'done'),
      ]),
    );
  };
  const done = {
    plans: 'done',
    tasks: 'done',
    notes: 'done',
    customers: 'done',
    customer_activities: 'done',
  };
  assert.deepEqual(await outcomes(), { ...done, contacts: 'absent' });
  assert.deepEqual(await outcomes(['contacts']), { ...done, contacts: 'StreamNotFoundError' });
  for (const path of ['/tasks', '/notes', '/customers']) answers[path] = noCrm;
  for (let run = 0; run < 2; run++) {
    assert.deepEqual(await outcomes(), {
      plans: 'done',
      tasks: 'AccessDeniedError',
      // This list was empty, but was read to its end.
      notes: 'AccessDeniedError',
      customers: 'AccessDeniedError',
      customer_activities: 'ParentFailedError',
      contacts: 'absent',
    });
  }
  assert.deepEqual(await liveKeys(settings, 'tasks'), ['t_1']);
  assert.deepEqual(await liveKeys(settings, 'customers'), ['cus_1']);
  assert.deepEqual(await liveKeys(settings, 'customer_activities'), ['1']);
});

test('a denied customer keeps its children, and the stream fails if all customers are denied', async (t) => {
  const address = (customer: string) => `/customers/${customer}/activities`;
  const { settings, answers, requests } = await createSource(t, {
    '/customers': list({ uuid: 'cus_1' }, { uuid: 'cus_2' }),
    [address('cus_1')]: list({ id: 1 }),
    [address('cus_2')]: list({ id: 2 }),
  });
  const run = async (isFull = true) => {
    requests.length = 0;
    const [activities] = (await produceWith(settings, { isFull }, 'customer_activities')).filter(
      ({ stream }) => stream === 'customer_activities',
    );
    return activities;
  };
  await run();
  answers[address('cus_1')] = noCrm;
  for (let again = 0; again < 3; again++) {
    const activities = await run(again === 0);
    assert.deepEqual(
      { failure: activities?.failure, denied: activities?.denied, deleted: activities?.deleted },
      { failure: undefined, denied: 1, deleted: 0 },
    );
    assert.ok(requests.some((path) => path.startsWith(address('cus_1'))));
  }
  answers[address('cus_2')] = noCrm;
  for (let again = 0; again < 2; again++) assert.equal((await run())?.failure?.name, 'AccessDeniedError');
  assert.deepEqual(await liveKeys(settings, 'customer_activities'), ['1', '2']);
});

test('produce reports a server without streams as a wrong address, and a key that /ping rejects', async (t) => {
  const nothing = await createSource(t, {});
  const lacking = await produceStreams(nothing.settings);
  assert.ok(lacking.every(({ failure }) => /CHARTMOGUL_BASE_URL.*none of the streams/.test(String(failure))));

  let pings = 0;
  const { settings } = await createSource(t, {
    '/ping': (_, response) => response.writeHead(++pings === 1 ? 200 : 403).end(pong),
    '/plans': noCrm,
    '/tasks': noCrm,
  });
  const refused = await produceStreams(settings, 'plans', 'tasks');
  for (const { failure } of refused) assert.equal(failure?.name, 'AuthenticationError');
  assert.equal(pings, 2);
});
