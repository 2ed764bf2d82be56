import assert from 'node:assert/strict';
import test from 'node:test';
import { chartmogulUrl, httpUrl, isLoopback, splitBroker } from '../../../../core/settings/setting-values.ts';

test('chartmogulUrl accepts http for a loopback host, and isLoopback rejects other hosts', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1', '[::1]', 'LOCALHOST']) {
    assert.equal(chartmogulUrl('CHARTMOGUL_BASE_URL', `http://${host}:9`).slice(0, 5), 'http:');
  }
  for (const host of ['10.0.0.1', '127.0.0.1.example.com', '1270.0.0.1', '::2', ''])
    assert.ok(!isLoopback(host));
});

test('splitBroker splits a broker into a host and a port', () => {
  assert.deepEqual(splitBroker('a.b:9092'), { host: 'a.b', port: 9092 });
  assert.deepEqual(splitBroker('[::1]:9092'), { host: '::1', port: 9092 });
  for (const wrong of ['::1:9092', '[x]:9092', 'a', 'http://a:1'])
    assert.equal(splitBroker(wrong).host, '', wrong);
});

const addresses: readonly (readonly [string, string])[] = [
  ['http://h:8081/', 'http://h:8081'],
  ['https://h/apis/ccompat/v7/', 'https://h/apis/ccompat/v7'],
  ['http://[::1]:8081//', 'http://[::1]:8081'],
];
for (const [given, url] of addresses) {
  test(`httpUrl reads ${given} as ${url}`, () => {
    assert.equal(httpUrl('SCHEMA_REGISTRY_URL', given), url);
  });
}
