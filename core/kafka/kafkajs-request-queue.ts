import { createRequire } from 'node:module';

/** The requests of a connection in kafkajs 2.2.4, which package.json pins. */
const REQUEST_QUEUE = 'kafkajs/src/network/requestQueue/index.js';

interface RequestQueue {
  readonly pending: readonly object[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

let isReplaced = false;

/**
 * Makes each kafkajs connection check its waiting requests only while requests wait. Otherwise
 * kafkajs starts a timer with a negative delay after each response, which then repeats every
 * millisecond, and for which Node 24 prints a TimeoutNegativeWarning.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks the module.
 */
export function replaceKafkajsRequestChecks(): void {
  if (isReplaced) return;
  const { prototype } = createRequire(import.meta.url)(REQUEST_QUEUE) as { prototype: RequestQueue };
  const { scheduleCheckPendingRequests } = prototype;
  prototype.scheduleCheckPendingRequests = function () {
    // Each request that has to wait schedules a check itself.
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
  };
  isReplaced = true;
}
