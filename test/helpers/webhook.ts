import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { Secret } from '../../core/settings/secret.ts';
import { startWebhook } from '../../producers/webhook/webhook.ts';
import { waitFor } from './wait-for.ts';

/** Starts a receiver on a free port, and waits until it can store events. `stop` stops it. */
export async function createWebhook(t: TestContext, settings: Settings) {
  const stopping = new AbortController();
  const token = 'token-of-the-test-receiver';
  const webhook = await startWebhook(
    { ...settings, webhook: { host: '127.0.0.1', port: 0, token: new Secret(token) } },
    stopping.signal,
  );
  const stop = async () => {
    stopping.abort();
    await webhook.stopped;
  };
  t.after(stop);
  await waitFor('the receiver', () => webhook.receiver.health.unready() === undefined);
  const url = `${webhook.url}${token}`;
  const post = async (body: string): Promise<number> => {
    const response = await fetch(url, { method: 'POST', body });
    assert.ok((await response.text()) !== '');
    return response.status;
  };
  return { url, post, stop };
}
