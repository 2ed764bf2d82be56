import assert from 'node:assert/strict';
import test from 'node:test';
import {
  formOf,
  pathOf,
  queryOf,
  type MessageForm,
} from '../../../../dashboard/pages/streams/message-query.ts';

const forms: readonly (readonly [form: MessageForm, query: string])[] = [
  [{ by: 'newest', value: '', partition: '' }, 'by=newest'],
  [{ by: 'newest', value: '', partition: '2' }, 'by=newest&partition=2'],
  [{ by: 'key', value: 'a&b=c d', partition: '' }, 'by=key&key=a%26b%3Dc+d'],
  [{ by: 'offset', value: '17', partition: '0' }, 'by=offset&offset=17&partition=0'],
];
for (const [form, query] of forms) {
  test(`pathOf writes and formOf reads the query ${query}`, () => {
    assert.equal(pathOf('plans', form), `/api/streams/plans/messages?${query}`);
    assert.deepEqual(formOf(new URLSearchParams(queryOf(form))), form);
  });
}

test('pathOf converts a local time to an instant and includes the cursor of the next page', () => {
  const form: MessageForm = { by: 'time', value: '2026-03-01T10:00:00', partition: '' };
  const query = new URLSearchParams(pathOf('plans', form, '0:7').split('?')[1]);
  assert.equal(query.get('time'), new Date('2026-03-01T10:00:00').toISOString());
  assert.equal(query.get('cursor'), '0:7');
});

test('formOf selects the newest messages if the query is invalid', () => {
  assert.deepEqual(formOf(new URLSearchParams('by=odd')), { by: 'newest', value: '', partition: '' });
});
