import assert from 'node:assert/strict';
import test from 'node:test';
import { hrefOf, parseRoute } from '../../../../dashboard/pages/shell/hash.ts';

const routes = [
  ['', '', '', {}],
  ['#/', '', '', {}],
  ['#/runs', 'runs', '', {}],
  ['#/streams/plans', 'streams', 'plans', {}],
  ['#/streams/a%2Fb', 'streams', 'a/b', {}],
  ['#/sql?q=SELECT%201%20%3D%201&x=a?b', 'sql', '', { q: 'SELECT 1 = 1', x: 'a?b' }],
  ['#/streams/%E0%A4%A', 'streams', '%E0%A4%A', {}],
] as const;
for (const [hash, page, argument, query] of routes) {
  test(`parseRoute reads ${hash === '' ? 'an empty hash' : hash}`, () => {
    const route = parseRoute(hash);
    assert.deepEqual({ ...route, query: Object.fromEntries(route.query) }, { page, argument, query });
  });
}

test('hrefOf writes what parseRoute reads', () => {
  const hash = hrefOf('sql', 'a/b c', { q: 'SELECT "ä" & 1 = 1 # ?' });
  const { page, argument, query } = parseRoute(hash);
  assert.deepEqual([page, argument, query.get('q')], ['sql', 'a/b c', 'SELECT "ä" & 1 = 1 # ?']);
  assert.equal(hrefOf(''), '#/');
});
