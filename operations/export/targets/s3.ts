import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { ConfigError, EtlError, TargetFailedError } from '../../../core/errors.ts';
import { foreignText } from '../../../core/http/foreign-text.ts';
import type { ExportTargetSettings } from '../../../core/settings/config.ts';
import { isLoopback } from '../../../core/settings/setting-values.ts';
import { manifestText, parseManifest, type ExportedFile, type Manifest } from '../manifest.ts';
import type { NewFile, Target } from './target.ts';

const PART_BYTES = 16 * 1024 * 1024;
const PARTS_SIDE_BY_SIDE = 2;
const ANSWER_MS = 60_000;
const CONNECT_MS = 15_000;
const MANIFEST = 'manifest.json';
const UNFINISHED = 'manifest.unfinished.json';

/**
 * Objects of a bucket, a Parquet file per view. Our process uploads them, not the function `s3` of
 * ClickHouse: the server never sees the keys, and the local one reaches no other host.
 */
export class S3Target implements Target {
  readonly form = 'parquet';
  readonly mergesChanges = false;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  /** The folder of an export of changes; empty for one of all rows. */
  #folder = '';

  private constructor(client: S3Client, bucket: string, prefix: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  static async open(
    { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
    { aws, allowsPlaintext }: ExportTargetSettings,
  ): Promise<S3Target> {
    const { credentials, region, endpoint } = aws;
    if (endpoint?.startsWith('http:') === true && !isLoopback(new URL(endpoint).hostname) && !allowsPlaintext)
      throw new ConfigError(
        'AWS_ENDPOINT_URL_S3 names another machine, and the data would travel unencrypted: use https, or set ALLOW_PLAINTEXT_CREDENTIALS=true',
      );
    const client = new S3Client({
      ...(credentials && {
        credentials: {
          accessKeyId: credentials.keyId,
          secretAccessKey: credentials.key.reveal(),
          ...(credentials.token && { sessionToken: credentials.token.reveal() }),
        },
      }),
      ...(region !== undefined && { region }),
      // Other servers rarely have a host name per bucket, and accept any region.
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true, region: region ?? 'us-east-1' }),
      maxAttempts: 5,
      requestHandler: { requestTimeout: ANSWER_MS, connectionTimeout: CONNECT_MS },
    });
    const target = new S3Target(client, bucket, prefix === '' ? '' : `${prefix}/`);
    try {
      await target.#read(MANIFEST);
      return target;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  async readManifest(): Promise<Manifest | undefined> {
    return parseManifest(await this.#read(MANIFEST));
  }

  async readUnfinished(): Promise<Manifest | undefined> {
    const manifest = parseManifest(await this.#read(UNFINISHED));
    if (manifest !== undefined) this.#folder = folderOf(manifest);
    return manifest;
  }

  /** S3 verifies each part when it arrives, so an object of the right size is whole. */
  async has({ name, bytes }: ExportedFile): Promise<boolean> {
    const key = this.#key(name);
    const found = await this.#translated(() =>
      this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key })).catch(absent),
    );
    return found?.ContentLength === bytes;
  }

  async start(manifest: Manifest): Promise<void> {
    await this.discard();
    this.#folder = folderOf(manifest);
  }

  async discard(): Promise<void> {
    this.#folder = '';
    await this.#translated(() =>
      this.#client.send(
        new DeleteObjectCommand({ Bucket: this.#bucket, Key: `${this.#prefix}${UNFINISHED}` }),
      ),
    );
    await this.#abortUploads();
  }

  async write({ name }: NewFile, bytes: Readable, signal: AbortSignal): Promise<void> {
    const upload = new Upload({
      client: this.#client,
      params: {
        Bucket: this.#bucket,
        Key: this.#key(name),
        Body: bytes,
        ContentType: 'application/vnd.apache.parquet',
      },
      partSize: PART_BYTES,
      queueSize: PARTS_SIDE_BY_SIDE,
    });
    const onAbort = () => void upload.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#translated(() => upload.done());
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async save(manifest: Manifest): Promise<void> {
    await this.#put(`${this.#prefix}${UNFINISHED}`, manifestText(manifest));
  }

  /** Objects cannot be renamed: readers who need one moment wait for the manifest. */
  async publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void> {
    if (manifest.since === null) {
      const replaced = new Set(manifest.views.map(({ name }) => name));
      const kept = (earlier?.views ?? []).filter(({ name }) => !replaced.has(name));
      await this.#put(
        `${this.#prefix}${MANIFEST}`,
        manifestText({ ...manifest, views: [...manifest.views, ...kept] }),
      );
    } else {
      await this.#put(`${this.#prefix}${folderOf(manifest)}${MANIFEST}`, manifestText(manifest));
      if (earlier !== undefined)
        await this.#put(`${this.#prefix}${MANIFEST}`, manifestText({ ...earlier, upTo: manifest.upTo }));
    }
    await this.discard();
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  #key(name: string): string {
    return `${this.#prefix}${this.#folder}${name}`;
  }

  async #read(name: string): Promise<string | undefined> {
    return this.#translated(async () => {
      const found = await this.#client
        .send(new GetObjectCommand({ Bucket: this.#bucket, Key: `${this.#prefix}${name}` }))
        .catch(absent);
      return found?.Body?.transformToString();
    });
  }

  async #put(key: string, text: string): Promise<void> {
    await this.#translated(() =>
      this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: text, ContentType: 'application/json' }),
      ),
    );
  }

  /** Parts of uploads that did not end would be stored, and paid for, forever. */
  async #abortUploads(): Promise<void> {
    const own = { Bucket: this.#bucket };
    await this.#translated(async () => {
      const { Uploads = [] } = await this.#client
        .send(new ListMultipartUploadsCommand({ ...own, Prefix: this.#prefix }))
        // The right to list uploads is not needed otherwise.
        .catch(() => ({ Uploads: [] }));
      for (const { Key, UploadId } of Uploads.filter((upload) => this.#isOwn(upload.Key)))
        await this.#client
          .send(new AbortMultipartUploadCommand({ ...own, Key, UploadId }))
          .catch(() => undefined);
    });
  }

  /** Whether an export writes this object. Other programs may upload to the same bucket. */
  #isOwn(key = ''): boolean {
    const name = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : '';
    return /^(?:changes\/\d{8}T\d{6}Z-[0-9a-f]{6}\/)?\w+(?:\.deleted)?\.parquet$/.test(name);
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#meaningOf(error);
    }
  }

  /** Returns an error of ours for one of S3 or the network, and any other unchanged. */
  #meaningOf(error: unknown): unknown {
    if (error instanceof EtlError || !(error instanceof Error) || error.name === 'AbortError') return error;
    const at = `s3://${this.#bucket}`;
    if (error instanceof S3ServiceException) {
      const remedy = remedies[error.name];
      const said = `${at} returned ${error.name} (${error.$metadata.httpStatusCode ?? 'no status'}): ${foreignText(error.message)}`;
      return new TargetFailedError(remedy === undefined ? said : `${said}; ${remedy}`, { cause: error });
    }
    if (error.name === 'CredentialsProviderError')
      return new TargetFailedError(
        `${at} needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
        { cause: error },
      );
    if (/region/i.test(error.message))
      return new TargetFailedError(`${at} needs a region: set AWS_REGION`, { cause: error });
    return new TargetFailedError(`${at} does not respond: ${foreignText(error.message)}`, { cause: error });
  }
}

const remedies: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create the bucket first',
  AccessDenied:
    'the credentials need s3:GetObject, s3:PutObject and s3:DeleteObject for the prefix, and s3:ListBucket',
  InvalidAccessKeyId: 'check AWS_ACCESS_KEY_ID',
  SignatureDoesNotMatch: 'check AWS_SECRET_ACCESS_KEY',
  PermanentRedirect: 'set AWS_REGION to the region of the bucket',
  ExpiredToken: 'the session token has expired: renew the credentials',
};

function folderOf(manifest: Manifest): string {
  return manifest.since === null ? '' : `changes/${manifest.id}/`;
}

function absent(error: unknown): undefined {
  if (error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)) return undefined;
  throw error;
}
