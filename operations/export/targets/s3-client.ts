import { S3Client } from '@aws-sdk/client-s3';
import { ConfigError } from '../../../core/errors.ts';
import { silenceAwsSdk, type ExportTargetSettings } from '../../../core/settings/config.ts';
import { isLoopback } from '../../../core/settings/setting-values.ts';

const ANSWER_MS = 60_000;
const CONNECT_MS = 15_000;

/**
 * Returns a client. Unless the settings allow plaintext, its requests throw ConfigError if they
 * would travel unencrypted to another machine.
 */
export function createS3Client({ aws, allowsPlaintext }: ExportTargetSettings): S3Client {
  const { credentials, region, endpoint } = aws;
  silenceAwsSdk();
  const client = new S3Client({
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.keyId,
        secretAccessKey: credentials.key.reveal(),
        ...(credentials.token && { sessionToken: credentials.token.reveal() }),
      },
    }),
    ...(region !== undefined && { region }),
    // Servers other than AWS rarely have a host name per bucket, and accept any region.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true, region: region ?? 'us-east-1' }),
    maxAttempts: 5,
    requestHandler: { requestTimeout: ANSWER_MS, connectionTimeout: CONNECT_MS },
  });
  // Every request is checked, because the SDK also takes addresses from AWS_ENDPOINT_URL and
  // profiles.
  client.middlewareStack.add(
    (next) => (args) => {
      if (!allowsPlaintext) refusePlaintext(args.request);
      return next(args);
    },
    { step: 'finalizeRequest', name: 'refusePlaintext' },
  );
  return client;
}

/** @throws ConfigError for an unencrypted request to another machine. */
function refusePlaintext(request: unknown): void {
  if (typeof request !== 'object' || request === null) return;
  const host: unknown = Reflect.get(request, 'hostname');
  if (Reflect.get(request, 'protocol') === 'https:' || (typeof host === 'string' && isLoopback(host))) return;
  throw new ConfigError(
    'AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or endpoint_url names another machine, and the data would travel unencrypted: use https, or set ALLOW_PLAINTEXT_CREDENTIALS=true',
  );
}
