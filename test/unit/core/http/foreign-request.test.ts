import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { refuseForeign, type Reach } from '../../../../core/http/foreign-request.ts';

/**
 * Sends a request over a raw socket and returns the response status. HTTP clients would correct
 * invalid headers.
 */
async function statusOf(port: number, lines: readonly string[]): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]);
}

for (const reach of ['machine', 'network'] as const satisfies Reach[]) {
  describe(`a server with the reach "${reach}"`, () => {
    const server = createServer((request, response) => {
      if (!refuseForeign(request, response, reach)) response.end('in');
    });
    let port = 0;
    before(async () => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ({ port } = server.address() as AddressInfo);
    });
    after(() => server.close());
    const ask = (...headers: string[]) => statusOf(port, ['POST / HTTP/1.1', ...headers]);

    test('accepts programs on this machine and pages of its own origin', async () => {
      for (const host of [
        '127.0.0.1',
        `127.0.0.1:${port}`,
        'localhost',
        'LOCALHOST:1',
        '[::1]:8123',
        '127.1.2.3',
      ])
        assert.equal(await ask(`Host: ${host}`), 200, host);
      assert.equal(await ask('Host: 127.0.0.1:1', 'Origin: http://127.0.0.1:1'), 200);
      for (const site of ['none', 'same-origin'])
        assert.equal(await ask('Host: localhost', `Sec-Fetch-Site: ${site}`), 200, site);
    });

    test('rejects other host names and malformed hosts', async () => {
      const hosts = [
        ...['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80', 'evil.example:127.0.0.1'],
        ...[
          '127.0.0.1@evil.example',
          'evil@127.0.0.1',
          'localhost.',
          '127.0.0.1.',
          '127.0.0.1:80:80',
          '127.1',
        ],
        ...['127.0.0.1, evil.example', 'localhost/', '[::1', '[::1].evil.example', '0x7f000001', ''],
      ];
      for (const host of hosts) assert.ok([400, 403].includes(await ask(`Host: ${host}`)), host);
    });

    test('rejects a request without a host, with two hosts, or for the URL of another host', async () => {
      assert.equal(await statusOf(port, ['GET / HTTP/1.0']), 403);
      for (const hosts of [
        ['Host: 127.0.0.1', 'Host: evil.example'],
        ['Host: evil.example', 'Host: 127.0.0.1'],
      ])
        assert.ok([400, 403].includes(await ask(...hosts)));
      assert.equal(await statusOf(port, ['GET http://evil.example/ HTTP/1.1', 'Host: 127.0.0.1']), 403);
    });

    test('rejects pages of other origins and sites', async () => {
      const origins = [
        ...[
          'null',
          'https://evil.example',
          'http://localhost',
          'https://127.0.0.1',
          'http://127.0.0.1:1',
          '',
        ],
        ...['http://127.0.0.1 ,http://evil.example', 'chrome-extension://x'],
      ];
      for (const origin of origins)
        assert.equal(await ask('Host: 127.0.0.1', `Origin: ${origin}`), 403, origin);
      assert.equal(
        await ask('Host: 127.0.0.1', 'Origin: http://127.0.0.1', 'Origin: https://evil.example'),
        403,
      );
      for (const site of ['cross-site', 'same-site', 'Cross-Site', 'none, cross-site', 'x'])
        assert.equal(await ask('Host: 127.0.0.1', `Sec-Fetch-Site: ${site}`), 403, site);
    });

    test(`${reach === 'network' ? 'accepts' : 'rejects'} a network address as its host`, async () => {
      const expected = reach === 'network' ? 200 : 403;
      assert.equal(await ask('Host: 192.0.2.7:9400'), expected);
      assert.equal(await ask('Host: [2001:db8::1]:9400'), expected);
      assert.equal(await ask('Host: 0.0.0.0'), expected);
    });
  });
}
