import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { replaceKafkajsConnect } from '../../../../core/kafka/kafkajs-connection.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
}

/** Returns a kafkajs connection to a server, and the sockets that the server has accepted. */
async function createConnection(t: TestContext): Promise<{ connection: Connection; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    open.add(socket);
    socket.on('close', () => open.delete(socket)).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  replaceKafkajsConnect();
  const require = createRequire(import.meta.url);
  const Connection = require('kafkajs/src/network/connection.js') as new (options: object) => Connection;
  const socketFactory = (require('kafkajs/src/network/socketFactory.js') as () => unknown)();
  const silent = {
    debug: () => undefined,
    error: () => undefined,
    warn: () => undefined,
    info: () => undefined,
  };
  const logger = { ...silent, namespace: () => silent };
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({
    host: '127.0.0.1',
    port,
    logger,
    socketFactory,
    requestTimeout: 1_000,
    connectionTimeout: 5_000,
  });
  return { connection, sockets };
}

test('a kafkajs connection opens one socket for two concurrent connects', async (t) => {
  const { connection, sockets } = await createConnection(t);
  await Promise.all([connection.connect(), connection.connect()]);
  await waitFor('the socket', () => sockets.size > 0);
  await connection.disconnect();
  await waitFor('the end of its sockets', () =>
    [...sockets].every((socket) => socket.destroyed || socket.readableEnded),
  );
  assert.equal(sockets.size, 1);
});
