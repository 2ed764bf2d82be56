import { S3ServiceException } from '@aws-sdk/client-s3';
import { EtlError, TargetFailedError } from '../../../core/errors.ts';
import { foreignText } from '../../../core/http/foreign-text.ts';

const remedies: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create the bucket first',
  AccessDenied:
    'the credentials need s3:GetObject, s3:PutObject and s3:DeleteObject for the prefix, and s3:ListBucket',
  InvalidAccessKeyId: 'check AWS_ACCESS_KEY_ID',
  SignatureDoesNotMatch: 'check AWS_SECRET_ACCESS_KEY',
  PermanentRedirect: 'set AWS_REGION to the region of the bucket',
  ExpiredToken: 'the session token has expired: renew the credentials',
};

/**
 * Converts an error of the S3 client to a TargetFailedError, with a remedy if one is known. Returns
 * an EtlError or AbortError unchanged.
 */
export function s3Error(error: unknown, bucket: string): unknown {
  if (error instanceof EtlError || !(error instanceof Error) || error.name === 'AbortError') return error;
  const at = `s3://${bucket}`;
  if (error instanceof S3ServiceException) {
    const remedy = remedies[error.name];
    const said = `${at} returned ${error.name} (${error.$metadata.httpStatusCode ?? 'no status'}): ${foreignText(error.message)}`;
    return new TargetFailedError(remedy === undefined ? said : `${said}; ${remedy}`, { cause: error });
  }
  if (error.name === 'CredentialsProviderError')
    return new TargetFailedError(`${at} needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`, {
      cause: error,
    });
  if (/region/i.test(error.message))
    return new TargetFailedError(`${at} needs a region: set AWS_REGION`, { cause: error });
  return new TargetFailedError(`${at} does not respond: ${foreignText(error.message)}`, { cause: error });
}

/**
 * Returns undefined if the error means that the object does not exist.
 * @throws the error otherwise
 */
export function absent(error: unknown): undefined {
  if (error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)) return undefined;
  throw error;
}
