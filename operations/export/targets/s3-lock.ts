import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3ServiceException,
  type S3Client,
} from '@aws-sdk/client-s3';
import { TargetFailedError } from '../../../core/errors.ts';
import {
  claimText,
  createClaim,
  heldError,
  holderOf,
  parseClaim,
  unknownHolder,
  type Claim,
} from './claim.ts';
import { absent } from './s3-error.ts';

/**
 * Statuses of a request whose condition is not met, or that conflicts with a concurrent request.
 */
const NOT_MET = [409, 412];
/** Status of a server that does not support conditional requests. */
const NOT_IMPLEMENTED = 501;

/** The lock object, which ensures that only one export at a time writes under a prefix. */
export class S3Lock {
  readonly #client: S3Client;
  readonly #object: { readonly Bucket: string; readonly Key: string };
  #claim: Claim | undefined;

  constructor(client: S3Client, bucket: string, key: string) {
    this.#client = client;
    this.#object = { Bucket: bucket, Key: key };
  }

  /** @throws TargetFailedError if another export that may still be running holds the lock. */
  async take(): Promise<void> {
    const claim = await createClaim();
    if (await this.#put(claim, { IfNoneMatch: '*' })) return;
    const found = await this.#read();
    // The response to the first attempt may have been lost.
    if (found?.claim?.id === claim.id) {
      this.#claim = claim;
      return;
    }
    const holder = found && (await holderOf(found.claim, found.ageMs));
    const condition = found?.etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: found.etag };
    if (holder === undefined && (await this.#put(claim, condition))) return;
    const { Bucket, Key } = this.#object;
    const prefix = Key.replace(/[^/]*$/, '');
    throw heldError(holder ?? unknownHolder, `s3://${Bucket}/${prefix}`, `s3://${Bucket}/${Key}`);
  }

  /** @throws TargetFailedError if this export no longer holds the lock. */
  async renew(): Promise<void> {
    const claim = this.#claim;
    if (claim === undefined) return;
    const found = await this.#read();
    const isOurs = found?.claim?.id === claim.id;
    if (isOurs && (await this.#put(claim, found.etag ? { IfMatch: found.etag } : {}))) return;
    this.#claim = undefined;
    throw new TargetFailedError(
      `another export is writing to s3://${this.#object.Bucket} under the same prefix: wait until it ends, then run the export again`,
    );
  }

  async release(): Promise<void> {
    const isOurs = this.#claim !== undefined && (await this.#read())?.claim?.id === this.#claim.id;
    if (isOurs) await this.#client.send(new DeleteObjectCommand(this.#object));
  }

  /**
   * Writes the claim. Returns false if the condition is not met. On a server without conditional
   * requests, writes nothing and returns true.
   */
  async #put(
    claim: Claim,
    condition: { readonly IfNoneMatch?: string; readonly IfMatch?: string },
  ): Promise<boolean> {
    const body = { Body: claimText(claim), ContentType: 'application/json' };
    try {
      await this.#client.send(new PutObjectCommand({ ...this.#object, ...body, ...condition }));
      this.#claim = claim;
      return true;
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      if (status === NOT_IMPLEMENTED) return true;
      if (status !== undefined && NOT_MET.includes(status)) return false;
      throw error;
    }
  }

  async #read() {
    const found = await this.#client.send(new GetObjectCommand(this.#object)).catch(absent);
    if (found === undefined) return undefined;
    const { LastModified: written = new Date(), ETag: etag, Body: body } = found;
    return {
      claim: parseClaim(await body?.transformToString()),
      ageMs: Date.now() - written.getTime(),
      etag,
    };
  }
}
