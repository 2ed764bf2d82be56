import assert from 'node:assert/strict';
import test from 'node:test';
import {
  manifestText,
  mergedManifest,
  parseManifest,
  type ExportedView,
  type Manifest,
} from '../../../../operations/export/manifest.ts';

const place = { topicId: '1', partition: 0, offset: '7' };
const cut = { plans_raw: { identity: 'x', partitions: [place] } };

function viewOf(name: string, changes: object = {}): ExportedView {
  const file = { name: `${name}.parquet`, holds: 'rows', rows: 1, bytes: 2, sha256: 'a'.repeat(64) } as const;
  return {
    ...{ name, streams: [name], mode: 'full', key: ['id'], cut, shape: 's' },
    columns: [{ name: 'id', type: 'Int64', comment: '' }],
    files: [file],
    ...changes,
  };
}

function manifestOf(...views: readonly ExportedView[]): Manifest {
  const id = '20260131T120000Z-0a1b2c';
  const upTo = { id, views: { plans: { cut, shape: 's' } } };
  const startedAt = '2026-01-31T12:00:00.000Z';
  return { version: 1, id, database: 'd', startedAt, finishedAt: null, since: null, views, upTo };
}

test('parseManifest reads what manifestText writes', () => {
  const manifest = manifestOf(viewOf('plans'));
  assert.deepEqual(parseManifest(manifestText(manifest)), manifest);
});

const hostile = {
  'a missing manifest': undefined,
  'text that is not JSON': '{',
  'a list': [],
  'an unknown version': { ...manifestOf(), version: 2 },
  'an id that leads out of the folder': { ...manifestOf(), id: '../../etc' },
  'a view that leads out of the folder': manifestOf(viewOf('../plans')),
  'a file that leads out of the folder': manifestOf(
    viewOf('plans', { files: [{ ...viewOf('plans').files[0], name: '../x.parquet' }] }),
  ),
  'an absolute file path': manifestOf(
    viewOf('plans', { files: [{ ...viewOf('plans').files[0], name: '/x.parquet' }] }),
  ),
  'a malformed digest': manifestOf(
    viewOf('plans', { files: [{ ...viewOf('plans').files[0], sha256: "'; DROP" }] }),
  ),
  'an offset that is not a number': manifestOf(
    viewOf('plans', { cut: { t: { identity: 'x', partitions: [{ ...place, offset: '1 OR 1' }] } } }),
  ),
  'a key that is not a list': manifestOf(viewOf('plans', { key: 'id' })),
};

for (const [what, value] of Object.entries(hostile))
  test(`parseManifest refuses ${what}`, () => {
    const text = typeof value === 'object' ? JSON.stringify(value) : value;
    assert.equal(parseManifest(text), undefined);
  });

test('mergedManifest keeps earlier views that the export has not replaced', () => {
  const earlier = manifestOf(viewOf('plans', { shape: 'old' }), viewOf('tasks'));
  const merged = mergedManifest(manifestOf(viewOf('plans')), earlier);
  assert.deepEqual(merged.views, [viewOf('plans'), viewOf('tasks')]);
  assert.deepEqual(mergedManifest(manifestOf(viewOf('plans')), undefined), manifestOf(viewOf('plans')));
});
