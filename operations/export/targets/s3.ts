import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { TargetFailedError } from '../../../core/errors.ts';
import type { ExportTargetSettings } from '../../../core/settings/config.ts';
import {
  manifestText,
  mergedManifest,
  parseManifest,
  type ExportedFile,
  type Manifest,
} from '../manifest.ts';
import { createS3Client } from './s3-client.ts';
import { absent, s3Error } from './s3-error.ts';
import { S3Lock } from './s3-lock.ts';
import type { NewFile, Target } from './target.ts';

const PART_BYTES = 16 * 1024 * 1024;
const PARTS_SIDE_BY_SIDE = 2;
const MANIFEST = 'manifest.json';
const UNFINISHED = 'manifest.unfinished.json';

/**
 * Objects in a bucket, one Parquet file per view. This process uploads them itself instead of using
 * ClickHouse's `s3` function, because the server must not see the keys, and the local server cannot
 * reach other hosts.
 */
export class S3Target implements Target {
  readonly form = 'parquet';
  readonly mergesChanges = false;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #until: { readonly abortSignal: AbortSignal };
  readonly #lock: S3Lock;
  /** The ETags of the objects that the unfinished export has written, by file name. */
  #etags: ReadonlyMap<string, string> = new Map();
  /** The folder of an export of changes; empty for a full export. */
  #folder = '';

  private constructor(client: S3Client, bucket: string, prefix: string, signal: AbortSignal) {
    this.#client = client;
    this.#until = { abortSignal: signal };
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#lock = new S3Lock(client, bucket, `${prefix}manifest.lock`);
  }

  static async open(
    { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
    settings: ExportTargetSettings,
    signal: AbortSignal,
  ): Promise<S3Target> {
    const client = createS3Client(settings);
    const target = new S3Target(client, bucket, prefix === '' ? '' : `${prefix}/`, signal);
    try {
      await target.#read(MANIFEST);
      await target.#translated(() => target.#lock.take());
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
    const text = await this.#read(UNFINISHED);
    const manifest = parseManifest(text);
    if (text === undefined || manifest === undefined) return undefined;
    this.#folder = folderOf(manifest);
    this.#etags = etagsIn(text);
    return manifest;
  }

  /** S3 verifies each part when it arrives, so an object with an unchanged ETag is complete. */
  async has({ name, bytes }: ExportedFile): Promise<boolean> {
    const found = await this.#translated(() =>
      this.#client
        .send(new HeadObjectCommand({ Bucket: this.#bucket, Key: this.#key(name) }), this.#until)
        .catch(absent),
    );
    return found?.ContentLength === bytes && found.ETag !== undefined && found.ETag === this.#etags.get(name);
  }

  async start(manifest: Manifest): Promise<void> {
    await this.discard();
    this.#folder = folderOf(manifest);
  }

  async discard(): Promise<void> {
    await this.#deleteUnpublished();
    this.#folder = '';
    this.#etags = new Map();
    await this.#translated(() =>
      this.#client.send(
        new DeleteObjectCommand({ Bucket: this.#bucket, Key: `${this.#prefix}${UNFINISHED}` }),
        this.#until,
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
      const { ETag: etag } = await this.#translated(() => upload.done());
      this.#etags = new Map([...this.#etags, [name, etag ?? '']]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async save(manifest: Manifest): Promise<void> {
    await this.#translated(() => this.#lock.renew());
    const etags = Object.fromEntries(this.#etags);
    await this.#put(`${this.#prefix}${UNFINISHED}`, JSON.stringify({ ...manifest, etags }, null, 2));
  }

  /**
   * Publishes the manifest. Objects cannot be renamed, so readers that require a consistent set
   * must wait for the manifest.
   */
  async publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void> {
    // On servers that ignore conditional requests, the lock has no effect.
    for (const file of manifest.views.flatMap(({ files }) => files))
      if (!(await this.has(file)))
        throw new TargetFailedError(
          `s3://${this.#bucket}/${this.#key(file.name)} was replaced during the export: end the other export, then run this one again`,
        );
    if (manifest.since === null) {
      const text = manifestText(mergedManifest(manifest, earlier));
      await this.#put(`${this.#prefix}${MANIFEST}`, text);
    } else {
      await this.#put(`${this.#prefix}${folderOf(manifest)}${MANIFEST}`, manifestText(manifest));
      if (earlier !== undefined)
        await this.#put(`${this.#prefix}${MANIFEST}`, manifestText({ ...earlier, upTo: manifest.upTo }));
    }
    await this.discard();
  }

  async close(): Promise<void> {
    await this.#lock.release().catch(() => undefined);
    this.#client.destroy();
  }

  /**
   * Deletes objects of an export of changes that its manifest does not name, because readers may
   * apply every object that they find. The objects of a full export remain, because they may have
   * replaced objects that the published manifest names.
   */
  async #deleteUnpublished(): Promise<void> {
    if (this.#folder === '') return;
    const published = parseManifest(await this.#read(`${this.#folder}${MANIFEST}`));
    const named = (published?.views ?? []).flatMap(({ files }) => files.map(({ name }) => name));
    for (const name of this.#etags.keys()) {
      const key = this.#key(name);
      if (!named.includes(name) && this.#isOwn(key))
        await this.#translated(() =>
          this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), this.#until),
        );
    }
  }

  #key(name: string): string {
    return `${this.#prefix}${this.#folder}${name}`;
  }

  async #read(name: string): Promise<string | undefined> {
    return this.#translated(async () => {
      const found = await this.#client
        .send(new GetObjectCommand({ Bucket: this.#bucket, Key: `${this.#prefix}${name}` }), this.#until)
        .catch(absent);
      return found?.Body?.transformToString();
    });
  }

  async #put(key: string, text: string): Promise<void> {
    await this.#translated(() =>
      this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: text, ContentType: 'application/json' }),
        this.#until,
      ),
    );
  }

  /** Aborts unfinished uploads, whose parts would otherwise be stored and billed forever. */
  async #abortUploads(): Promise<void> {
    const own = { Bucket: this.#bucket };
    await this.#translated(async () => {
      const { Uploads = [] } = await this.#client
        .send(new ListMultipartUploadsCommand({ ...own, Prefix: this.#prefix }), this.#until)
        // Nothing else requires the right to list uploads, so a refusal is ignored.
        .catch(() => ({ Uploads: [] }));
      for (const { Key, UploadId } of Uploads.filter((upload) => this.#isOwn(upload.Key)))
        await this.#client
          .send(new AbortMultipartUploadCommand({ ...own, Key, UploadId }), this.#until)
          .catch(() => undefined);
    });
  }

  /**
   * Returns whether the object belongs to an export. Other programs may upload to the same bucket.
   */
  #isOwn(key = ''): boolean {
    const name = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : '';
    return /^(?:changes\/\d{8}T\d{6}Z-[0-9a-f]{6}\/)?\w+(?:\.deleted)?\.parquet$/.test(name);
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#until.abortSignal.throwIfAborted();
      throw s3Error(error, this.#bucket);
    }
  }
}

function folderOf(manifest: Manifest): string {
  return manifest.since === null ? '' : `changes/${manifest.id}/`;
}

/** Returns the ETags by file name from the text of an unfinished manifest. */
function etagsIn(text: string): ReadonlyMap<string, string> {
  const parsed = JSON.parse(text) as { readonly etags?: unknown };
  const { etags } = parsed;
  if (typeof etags !== 'object' || etags === null) return new Map();
  return new Map(
    Object.entries(etags).flatMap(([name, etag]: [string, unknown]) =>
      typeof etag === 'string' ? [[name, etag]] : [],
    ),
  );
}
