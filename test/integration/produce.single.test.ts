import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { committedMessages } from '../helpers/committed.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

test('the account keeps one row if its id appears or disappears, and is sent only if it changes', async (t) => {
  const answers: Record<string, ApiAnswers[string]> = {};
  const { baseUrl } = await createApiServer(t, answers);
  const { produce, ...rest } = createSettings(t, baseUrl);
  // The limit does not allow deletes, but the tombstone of an earlier account key is exempt.
  const settings = { ...rest, produce: { ...produce, massDeletePercent: 0 } };
  /** Returns the number of messages of a run, and the rows that readers see after it. */
  const run = async (account: object) => {
    answers['/account'] = JSON.stringify(account);
    const [counts] = await produceStreams(settings, 'account');
    assert.deepEqual(
      { failure: counts?.failure, deadLettered: counts?.deadLettered },
      { failure: undefined, deadLettered: 0 },
    );
    await sinkStreams(settings, 'account');
    return [counts?.messages, await rowsOf(settings, 'SELECT id, name FROM account')];
  };
  const without = { name: 'Acme', currency: 'EUR' };
  const row = (id: string) => [{ id, name: 'Acme' }];
  assert.deepEqual(await run(without), [1, row('account')]);
  assert.deepEqual(await run(without), [0, row('account')]);
  // The run sends the record, and a tombstone for its earlier key.
  assert.deepEqual(await run({ id: 'acc_1', ...without }), [2, row('acc_1')]);
  assert.deepEqual(await run({ id: 'acc_1', ...without }), [0, row('acc_1')]);
  assert.deepEqual(await run({ id: '', ...without }), [2, row('account')]);
  assert.deepEqual(await run({ id: '', ...without }), [0, row('account')]);
  const keys = (await committedMessages(settings, 'account')).get('account')?.map(({ key, value }) => {
    return `${key}${value === null ? ' deleted' : ''}`;
  });
  assert.deepEqual(keys?.toSorted(), ['acc_1', 'acc_1 deleted', 'account', 'account', 'account deleted']);

  // An invalid account record does not cause a delete.
  answers['/account'] = '{"error":"x"}';
  const [strange] = await produceStreams(settings, 'account');
  assert.deepEqual(
    { deadLettered: strange?.deadLettered, deleted: strange?.deleted },
    { deadLettered: 1, deleted: 0 },
  );
});
