import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createSender, sinkAll, withField } from '../helpers/sender.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer } from '../helpers/topic.ts';

const transactions = (settings: Settings) =>
  rowsOf(settings, 'SELECT invoice_uuid, uuid, result FROM transactions ORDER BY uuid');

const invoice = { uuid: 'inv_1', transactions: [{ uuid: 'tr_nested', result: 'failed' }] };
const listed = [
  { invoice_uuid: 'inv_1', uuid: 'tr_1', result: 'successful' },
  { invoice_uuid: null, uuid: 'tr_2', result: null },
];

const starts: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['before the invoices', [['transactions'], ['invoices']]],
  ['after the invoices', [['invoices'], ['transactions']]],
  ['together with the invoices', [['invoices', 'transactions']]],
];
for (const [name, orders] of starts) {
  test(`the transactions view survives new fields in either stream if transactions are sunk ${name}`, async (t) => {
    const settings = createSettings(t);
    const send = await createSender(t, settings);
    await send('invoices', [invoice]);
    await send('transactions', [...listed, { uuid: 'tr_gone' }]);
    const producer = await createProducer(t, settings);
    const topic = topicOf(settings.topicPrefix, 'transactions');
    await producer.send({ topic, messages: [{ key: 'tr_gone', value: null }] });
    for (const streams of orders) await sinkAll(settings, ...streams);
    assert.deepEqual(await transactions(settings), listed);

    await send('invoices', [{ uuid: 'inv_2' }], withField('invoices', 'score'));
    await sinkAll(settings, 'invoices');
    assert.deepEqual(await transactions(settings), listed);
    await send('transactions', [{ uuid: 'tr_3', fee: 7 }], withField('transactions', 'fee'));
    await sinkAll(settings, 'transactions', 'invoices');
    assert.deepEqual(await rowsOf(settings, 'SELECT uuid, fee FROM transactions ORDER BY uuid'), [
      { uuid: 'tr_1', fee: null },
      { uuid: 'tr_2', fee: null },
      { uuid: 'tr_3', fee: 7 },
    ]);
    assert.equal((await rowsOf(settings, 'SELECT score FROM invoices')).length, 2);
  });
}
