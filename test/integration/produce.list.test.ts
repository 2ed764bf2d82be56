import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiServer } from '../helpers/api-server.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

test('a list of two pages reaches the view once, with every value', async (t) => {
  const notes = [
    { uuid: 'note_1', type: 'call', call_duration: 60, created_at: '2024-03-13T04:14:41.711Z' },
    { uuid: 'note_2', type: 'note', call_duration: 0, created_at: '2024-03-14T00:00:00.000Z' },
  ];
  const { baseUrl } = await createApiServer(t, {
    '/notes': (query, response) => {
      const isFirst = query.get('cursor') === null;
      const entries = isFirst ? notes.slice(0, 1) : notes.slice(1);
      response.end(JSON.stringify({ entries, cursor: 'second', has_more: isFirst }));
    },
  });
  const settings = createSettings(t, baseUrl);
  const run = async () => {
    const [counts] = await produceStreams(settings, 'notes');
    assert.equal(counts?.failure, undefined);
    return { records: counts?.records, messages: counts?.messages };
  };
  assert.deepEqual(await run(), { records: 2, messages: 2 });
  assert.deepEqual(await run(), { records: 2, messages: 0 });
  await sinkStreams(settings, 'notes');
  assert.deepEqual(
    await rowsOf(settings, 'SELECT uuid, type, call_duration, created_at FROM notes ORDER BY uuid'),
    notes.map((note) => ({ ...note, created_at: note.created_at.slice(0, -1).replace('T', ' ') })),
  );
});
