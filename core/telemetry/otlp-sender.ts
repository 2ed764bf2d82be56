import { request, type Dispatcher } from 'undici';
import { withDeadline } from '../deadline.ts';
import { messageOf } from '../errors.ts';
import { createDispatcher } from '../http/proxy.ts';
import { logger } from '../logger.ts';
import type { TelemetrySettings } from './telemetry.ts';

const SEND_WITHIN_MS = 10_000;
const MAX_CONNECTIONS = 2;

/** Sends OTLP messages to a collector, without retries. */
export class OtlpSender {
  readonly #endpoint: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #dispatcher: Dispatcher;
  readonly #stop = new AbortController();
  #isAway = false;

  constructor({ endpoint, headers, proxy }: TelemetrySettings & { readonly endpoint: string }) {
    this.#endpoint = endpoint;
    this.#headers = parseHeaders(headers?.reveal() ?? '');
    this.#dispatcher = createDispatcher({ url: endpoint, proxy }, { connections: MAX_CONNECTIONS });
  }

  /**
   * Logs the first failure, and the next success.
   * @throws if the collector does not accept the body.
   */
  async send(path: '/v1/traces' | '/v1/metrics', body: Uint8Array): Promise<void> {
    try {
      await withDeadline(this.#stop.signal, SEND_WITHIN_MS, (signal) => this.#post(path, body, signal));
      if (this.#isAway) logger.info('OpenTelemetry: the collector is available again');
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway && !this.#stop.signal.aborted)
        logger.warn(
          { reason: messageOf(error) },
          'OpenTelemetry: the collector at OTEL_EXPORTER_OTLP_ENDPOINT is not accepting data: traces and metrics are dropped until it does',
        );
      this.#isAway = true;
      throw error;
    }
  }

  async #post(path: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    const answer = await request(this.#endpoint + path, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/x-protobuf' },
      body,
      signal,
      dispatcher: this.#dispatcher,
    });
    await answer.body.dump();
    if (answer.statusCode < 200 || answer.statusCode > 299)
      throw new Error(`${path} returned status ${answer.statusCode}`);
  }

  /** Aborts requests in progress. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the process ends'));
    await this.#dispatcher.destroy();
  }
}

/** Parses `name=value,other=value`, whose values may be percent-encoded. */
export function parseHeaders(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair): [string, string][] => {
    const [name = '', ...value] = pair.split('=');
    return name.trim() === '' ? [] : [[name.trim().toLowerCase(), decoded(value.join('=').trim())]];
  });
  return Object.fromEntries(pairs);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
