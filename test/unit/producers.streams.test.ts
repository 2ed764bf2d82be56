import assert from 'node:assert/strict';
import test from 'node:test';
import { streamNames } from '../../core/avro/schema-files.ts';
import { isStreamName } from '../../core/stream-name.ts';
import { streams } from '../../producers/chartmogul/streams.ts';

test('every stream has a schema, and every schema a stream', () => {
  assert.deepEqual(streams.map(({ name }) => name).sort(), [...streamNames]);
});

for (const { name, paths, query } of streams) {
  test(`${name} has a safe name, and addresses that begin with a slash and hold no query`, () => {
    assert.ok(isStreamName(name));
    for (const path of paths) assert.match(path, /^(\/([a-z_-]+|\{[a-z_]+\}))+$/);
    assert.ok(!('per_page' in (query ?? {})));
  });
}

test('nothing that is invalid or disabled is hidden', () => {
  const queryOf = (stream: string) => streams.find(({ name }) => name === stream)?.query;
  assert.deepEqual(queryOf('invoices'), { validation_type: 'all', with_disabled: true });
  assert.deepEqual(queryOf('subscription_events'), { with_disabled: true });
});

test('a source that only knows /sources is read too', () => {
  assert.deepEqual(streams.find(({ name }) => name === 'data_sources')?.paths, ['/data_sources', '/sources']);
});
