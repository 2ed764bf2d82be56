import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';

const list = (key: string, ids: readonly number[], more: string) =>
  `{"${key}":[${ids.map((id) => `{"uuid":"pl_${id}"}`).join(',')}]${more}}`;

/** How a server may page, and how many plans are to be read from it. */
const servers: readonly { name: string; answers: ApiAnswers; records: number }[] = [
  {
    name: 'a cursor, up to has_more false, whatever cursor the last page has',
    answers: {
      '/plans': (query, response) =>
        response.end(
          query.get('cursor') === 'c1'
            ? list('plans', [3], ',"has_more":false,"cursor":"c2"')
            : list('plans', [1, 2], ',"has_more":true,"cursor":"c1","current_page":1,"total_pages":9'),
        ),
    },
    records: 3,
  },
  {
    name: 'meta.next_key',
    answers: {
      '/plans': (query, response) =>
        response.end(
          query.get('next_key') === '77'
            ? list('plans', [3], ',"meta":{"next_key":null}')
            : list('plans', [1, 2], ',"meta":{"next_key":77,"page":1,"total_pages":2}'),
        ),
    },
    records: 3,
  },
  {
    name: 'numbered pages, under the list key of dltHub',
    answers: {
      '/plans': (query, response) => {
        const number = Number(query.get('page') ?? 1);
        response.end(list('entries', [number], `,"page":${number},"total_pages":3`));
      },
    },
    records: 3,
  },
  { name: 'no paging', answers: { '/plans': list('plans', [1, 2], '') }, records: 2 },
  { name: 'the only array of the answer', answers: { '/plans': list('rows', [1], '') }, records: 1 },
  {
    name: 'an empty list with a null cursor',
    answers: { '/plans': list('plans', [], ',"cursor":null,"has_more":false') },
    records: 0,
  },
];

for (const { name, answers, records } of servers) {
  test(`a list is read whole from a server with ${name}`, async (t) => {
    const { baseUrl } = await createApiServer(t, answers);
    const [counts] = await produceStreams(createSettings(t, baseUrl), 'plans');
    assert.equal(counts?.failure, undefined);
    assert.deepEqual([counts?.records, counts?.messages], [records, records]);
  });
}

test('data sources are read from /sources where /data_sources answers 404', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {
    '/sources': list('entries', [1, 2], ',"has_more":false'),
  });
  const [counts] = await produceStreams(createSettings(t, baseUrl), 'data_sources');
  assert.equal(counts?.messages, 2);
  assert.deepEqual(
    requests.map((path) => path.replace(/\?.*/, '')),
    ['/data_sources', '/sources'],
  );
});

test('invoices are asked for with the invalid and the disabled ones', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {
    '/invoices': list('invoices', [], ',"has_more":false'),
  });
  await produceStreams(createSettings(t, baseUrl), 'invoices');
  assert.deepEqual(requests, ['/invoices?validation_type=all&with_disabled=true&per_page=200']);
});
