import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { request, type Dispatcher } from 'undici';
import type { SchemaRegistrySettings } from '../settings/config.ts';
import { withDeadline } from '../deadline.ts';
import { ACCEPT_ENCODING, readText } from '../http/answer-body.ts';
import { createBoundedAgent } from '../http/bounded-agent.ts';
import { httpsFault } from '../http/certificate-fault.ts';
import { bodyExcerpt } from '../http/foreign-text.ts';
import { credentialsRemedy, startOfBody } from '../http/refused-answer.ts';
import { createDispatcher } from '../http/proxy.ts';
import {
  EtlError,
  IncompatibleSchemaError,
  messageOf,
  notAnswering,
  ServiceRefusedError,
  ServiceUnavailableError,
} from '../errors.ts';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../json.ts';
import { probeRetry, retry, serviceRetry, type RetryPolicy } from '../retry.ts';
import { TooLargeError } from '../size-limit.ts';
import { parseStreamSchema } from './parse-schema.ts';
import type { StreamSchema } from './schema.ts';

const ANSWER_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 8;

/** No real schema refers to more schemas, directly or indirectly. */
const MAX_REFERENCES = 1_000;

export interface SchemaText {
  readonly id: number;
  /** `AVRO`, `JSON` or `PROTOBUF`. */
  readonly type: string;
  readonly text: string;
  readonly references: readonly SchemaReference[];
  /** The version number in the subject; undefined if the schema was requested by id. */
  readonly version?: number;
}

interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/**
 * A Confluent-compatible schema registry. Reads do not use the client library, because its parsed
 * form of a schema drops attributes such as `primaryKey`. Every request may throw
 * ServiceUnavailableError, ServiceRefusedError or the signal's reason.
 */
export class Registry {
  readonly #settings: SchemaRegistrySettings;
  readonly #signal: AbortSignal;
  readonly #client: SchemaRegistry;
  readonly #dispatcher: Dispatcher;
  readonly #texts = new Map<number, Promise<SchemaText | undefined>>();

  constructor(settings: SchemaRegistrySettings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
    const { credentials } = settings;
    this.#dispatcher = createDispatcher(settings, { connections: MAX_CONNECTIONS });
    this.#client = new SchemaRegistry({
      host: settings.url,
      agent: createBoundedAgent(settings, MAX_CONNECTIONS),
      // Only core/retry.ts retries.
      retry: { retries: 0 },
      ...(credentials && { auth: { ...credentials, password: credentials.password.reveal() } }),
    });
  }

  /** Returns a registry once it has answered a request. */
  static async connect(settings: SchemaRegistrySettings, signal: AbortSignal): Promise<Registry> {
    const registry = new Registry(settings, signal);
    await registry.probe();
    return registry;
  }

  async probe(policy: RetryPolicy = probeRetry): Promise<void> {
    await this.#ask('/subjects', policy);
  }

  /**
   * Registers the schema and returns its id, which is the same for an identical schema. Sets the
   * compatibility of a new subject to BACKWARD.
   * @throws IncompatibleSchemaError if the schema is incompatible with the subject's earlier ones,
   *   or the subject has another compatibility.
   */
  async register(subject: string, schema: StreamSchema): Promise<number> {
    return retry({ subject }, serviceRetry, this.#signal, async () => {
      try {
        return await this.#register(subject, schema);
      } catch (error) {
        if (!(await this.#hasSetCompatibility(subject, error))) throw this.#registerError(subject, error);
      }
      return this.#register(subject, schema).catch((error: unknown) => {
        throw this.#registerError(subject, error);
      });
    });
  }

  async #register(subject: string, schema: StreamSchema): Promise<number> {
    const confluentSchema = { type: SchemaType.AVRO, schema: JSON.stringify(schema) } as const;
    // The client has no deadline.
    const { id } = await withDeadline(this.#signal, ANSWER_TIMEOUT_MS, (signal) =>
      Promise.race([this.#client.register(confluentSchema, { subject }), abortOf(signal)]),
    );
    return id;
  }

  /**
   * Repairs a subject whose first registration was interrupted: a process that ended between the
   * client's two requests left one version and, in some registries, compatibility NONE.
   */
  async #hasSetCompatibility(subject: string, error: unknown): Promise<boolean> {
    if (!isCompatibilityError(error) || !error.message.includes('!= NONE')) return false;
    const latest = await this.#ask(`${versionsOf(subject)}/latest`, serviceRetry);
    if (latest?.['version'] !== 1) return false;
    await this.#ask(`/config/${encodeURIComponent(subject)}`, serviceRetry, { compatibility: 'BACKWARD' });
    return true;
  }

  /**
   * Returns the latest schema; undefined if the subject does not exist.
   * @throws IncompatibleSchemaError if it is not the schema of a stream.
   */
  async latest(subject: string): Promise<{ id: number; schema: StreamSchema } | undefined> {
    const latest = await this.latestText(subject);
    if (latest === undefined) return undefined;
    const { id, text } = latest;
    return { id, schema: parseStreamSchema(text, `the latest schema of subject ${subject}`) };
  }

  async latestText(subject: string, policy: RetryPolicy = serviceRetry): Promise<SchemaText | undefined> {
    const answer = await this.#ask(`${versionsOf(subject)}/latest`, policy);
    return answer && this.#textIn(answer, `subject ${subject}`);
  }

  /**
   * Returns all versions that are not deleted, oldest first; none if the subject does not exist.
   */
  async texts(subject: string, policy: RetryPolicy = serviceRetry): Promise<SchemaText[]> {
    const versions = versionsOf(subject);
    const latest = await this.#ask(`${versions}/latest`, policy);
    if (latest === undefined) return [];
    const { version: last } = latest;
    if (typeof last !== 'number') throw this.#strange(`subject ${subject}`);
    const found: SchemaText[] = [];
    for (let version = 1; version <= last; version++) {
      // A deleted version is missing.
      const answer = await this.#ask(`${versions}/${version}`, policy);
      if (answer !== undefined) found.push({ ...this.#textIn(answer, `subject ${subject}`), version });
    }
    return found;
  }

  /**
   * @throws IncompatibleSchemaError if the registry lacks the schema, or it is not the schema of a
   *   stream.
   */
  async schemaById(id: number): Promise<StreamSchema> {
    const schema = await this.schemaText(id);
    if (schema === undefined)
      throw new IncompatibleSchemaError(`the registry at ${this.#settings.url} has no schema ${id}`);
    return parseStreamSchema(schema.text, `schema ${id}`);
  }

  /**
   * Returns undefined if the schema does not exist. Concurrent calls share a request; only found
   * schemas are cached.
   */
  async schemaText(id: number, policy: RetryPolicy = serviceRetry): Promise<SchemaText | undefined> {
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const asked = this.#ask(`/schemas/ids/${id}`, policy).then(
      (answer) => answer && this.#textIn({ ...answer, id }, `schema ${id}`),
    );
    this.#texts.set(id, asked);
    const forget = () => this.#texts.delete(id);
    asked.then((text) => text === undefined && forget(), forget);
    return asked;
  }

  /**
   * Returns the texts of all schemas that a schema refers to, directly or indirectly. Each text
   * follows the texts that it refers to. The first reference to a name counts, as in Confluent's
   * clients.
   * @throws IncompatibleSchemaError if the registry lacks a referenced schema, or there are more
   *   than MAX_REFERENCES.
   */
  async referencedTexts(
    { id, references }: SchemaText,
    policy: RetryPolicy = serviceRetry,
  ): Promise<readonly string[]> {
    const texts = new Map<string, string>();
    const seen = new Set<string>();
    const visit = async (list: readonly SchemaReference[]): Promise<void> => {
      for (const { name, subject, version } of list) {
        const place = `${versionsOf(subject)}/${version}`;
        if (seen.has(place)) continue;
        seen.add(place);
        const answer = seen.size > MAX_REFERENCES ? undefined : await this.#ask(place, policy);
        if (answer === undefined)
          throw new IncompatibleSchemaError(
            `schema ${id} refers to version ${version} of subject ${subject}, which the registry does not return: register it again`,
          );
        const referenced = this.#textIn(answer, `subject ${subject}`);
        await visit(referenced.references);
        if (!texts.has(name)) texts.set(name, referenced.text);
      }
    };
    await visit(references);
    return [...texts.values()];
  }

  async isVersionOf(subject: string, id: number, policy: RetryPolicy = serviceRetry): Promise<boolean> {
    return (await this.texts(subject, policy)).some((text) => text.id === id);
  }

  #textIn(answer: JsonObject, where: string): SchemaText {
    const { id, schema: text, schemaType: type = 'AVRO', references = [] } = answer;
    const isWhole = typeof id === 'number' && typeof text === 'string' && typeof type === 'string';
    const areReferences = references === null || (Array.isArray(references) && references.every(isReference));
    if (!isWhole || !areReferences) throw this.#strange(where);
    return { id, text, type, references: (references ?? []) as unknown as readonly SchemaReference[] };
  }

  /** Returns the response's object (empty for a list); undefined for 404, except on `/subjects`. */
  async #ask(path: string, policy: RetryPolicy, put?: JsonObject): Promise<JsonObject | undefined> {
    return retry({ path }, policy, this.#signal, async () => {
      try {
        const { statusCode, text } = await withDeadline(this.#signal, ANSWER_TIMEOUT_MS, (signal) =>
          this.#send(path, put, signal),
        );
        if (statusCode === 404 && path !== '/subjects') return undefined;
        if (statusCode !== 200) throw this.#statusError(statusCode, text);
        const answer = parseJson(text);
        return isJsonObject(answer) ? answer : {};
      } catch (error) {
        this.#signal.throwIfAborted();
        if (error instanceof EtlError) throw error;
        throw error instanceof SyntaxError ? this.#strange(path) : this.#unreachable(error, path);
      }
    });
  }

  /** Returns the status, with the body of a 200 response or an excerpt of any other. */
  async #send(path: string, put: JsonObject | undefined, signal: AbortSignal) {
    const { credentials, url } = this.#settings;
    const login = credentials && `${credentials.username}:${credentials.password.reveal()}`;
    const response = await request(`${url}${path}`, {
      signal,
      dispatcher: this.#dispatcher,
      headers: {
        accept: 'application/json',
        'accept-encoding': ACCEPT_ENCODING,
        ...(login && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
        ...(put && { 'content-type': 'application/vnd.schemaregistry.v1+json' }),
      },
      ...(put && { method: 'PUT' as const, body: JSON.stringify(put) }),
    });
    const { statusCode, headers, body } = response;
    if (statusCode === 200) return { statusCode, text: await readText(response) };
    const start = await startOfBody(headers, body);
    return { statusCode, text: bodyExcerpt(headers['content-type']?.toString(), start) };
  }

  #registerError(subject: string, error: unknown): unknown {
    this.#signal.throwIfAborted();
    const status = error instanceof Error && 'status' in error ? error.status : undefined;
    if (
      status === 409 &&
      error instanceof Error &&
      'url' in error &&
      /^put .*\/config\//.test(String(error.url))
    )
      return new ServiceUnavailableError(
        `another process is changing the compatibility of subject ${subject} at the same time`,
        { service: 'the schema registry', cause: error },
      );
    if (status === 409) {
      const message = `the registry refuses the new schema of subject ${subject}: it is not BACKWARD-compatible with the earlier ones`;
      return new IncompatibleSchemaError(message, { cause: error });
    }
    if (isCompatibilityError(error)) {
      const message = `subject ${subject}: ${messageOf(error)}; set it to BACKWARD in the registry`;
      return new IncompatibleSchemaError(message, { cause: error });
    }
    // The client fails on an unexpected body, such as the empty body of a redirect.
    if (error instanceof TypeError) return this.#strange(`subject ${subject}`);
    const noAnswer = noAnswerIn(error);
    return typeof status === 'number' && noAnswer === undefined
      ? this.#statusError(status)
      : this.#unreachable(noAnswer ?? error, `subject ${subject}`);
  }

  #statusError(status: number, said?: string): EtlError {
    const excerpt = said === undefined ? '' : ` (${said})`;
    const answered = `the schema registry at ${this.#settings.url} (SCHEMA_REGISTRY_URL) returned ${status}${excerpt}`;
    if (status >= 500 || status === 429)
      return new ServiceUnavailableError(answered, { service: 'the schema registry' });
    const hint = 'check that it is a Confluent-compatible registry and that the path is correct';
    return new ServiceRefusedError(`${answered}: ${credentialsRemedy(status, 'SCHEMA_REGISTRY') ?? hint}`);
  }

  #unreachable(error: unknown, what: string): EtlError {
    if (error instanceof TooLargeError) return this.#strange(what, error);
    const [, proxyStatus] = /^Proxy response \((\d{3})\)/.exec(messageOf(error)) ?? [];
    if (proxyStatus === '407') return this.#statusError(407);
    const at = `${this.#settings.url} (SCHEMA_REGISTRY_URL)`;
    const fault = httpsFault(error, 'SCHEMA_REGISTRY');
    if (fault === undefined) return notAnswering('the schema registry', at, error);
    return new ServiceRefusedError(`the schema registry at ${at} ${fault.what}; ${fault.remedy}`, {
      cause: error,
    });
  }

  #strange(what: string, cause?: TooLargeError): ServiceRefusedError {
    const why = cause === undefined ? '' : `: ${cause.message}`;
    const at = `${this.#settings.url} (SCHEMA_REGISTRY_URL)`;
    return new ServiceRefusedError(
      `the schema registry at ${at} returned an unexpected response for ${what}${why}`,
      {
        cause,
      },
    );
  }
}

/**
 * Returns why the client received no response; undefined if there was one. The client also reports
 * its own failures as status 400, and keeps only their text.
 */
function noAnswerIn(error: unknown): Error | undefined {
  const [, said] = /, status 400: (.*)$/s.exec(messageOf(error)) ?? [];
  if (said === undefined) return undefined;
  const tooLarge = new TooLargeError();
  if (said === tooLarge.message) return tooLarge;
  const nodeFailure =
    /^(?:(?:connect|read|write|getaddrinfo) E[A-Z_]+|socket hang up|Client network socket disconnected)/;
  return nodeFailure.test(said) ? new Error(said, { cause: error }) : undefined;
}

function isReference(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  const { name, subject, version } = value;
  return typeof name === 'string' && typeof subject === 'string' && typeof version === 'number';
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function versionsOf(subject: string): string {
  return `/subjects/${encodeURIComponent(subject)}/versions`;
}

function isCompatibilityError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ConfluentSchemaRegistryCompatibilityError';
}
