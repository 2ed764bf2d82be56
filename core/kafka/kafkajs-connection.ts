import { createRequire } from 'node:module';

/** A connection to a broker in kafkajs 2.2.4, which package.json pins. */
const CONNECTION = 'kafkajs/src/network/connection.js';

interface Connection {
  connect: (this: Connection) => Promise<boolean>;
}

let isReplaced = false;

/**
 * Makes each kafkajs connection open one socket at a time. kafkajs opens a second socket if two
 * requests connect at the same time, and later closes only one of the two: the other keeps the
 * process alive.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks the module.
 */
export function replaceKafkajsConnect(): void {
  if (isReplaced) return;
  const { prototype } = createRequire(import.meta.url)(CONNECTION) as { prototype: Connection };
  const { connect } = prototype;
  const opening = new WeakMap<Connection, Promise<boolean>>();
  prototype.connect = function () {
    const earlier = opening.get(this);
    if (earlier !== undefined) return earlier;
    const opened = connect.call(this).finally(() => opening.delete(this));
    opening.set(this, opened);
    return opened;
  };
  isReplaced = true;
}
