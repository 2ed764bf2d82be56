import type { Mechanism } from 'kafkajs';
import { foreignText } from '../http/foreign-text.ts';
import type { KafkaOAuth } from '../settings/kafka-settings.ts';
import { TokenSource } from './oauth-token.ts';

const SEPARATOR = '\u0001';

/** All connections of a process share a token. */
const sources = new WeakMap<KafkaOAuth, TokenSource>();

/**
 * Returns the login with OAUTHBEARER (RFC 7628). kafkajs's own provider ignores the broker's first
 * response, which contains the reason for a refusal, so its next request would only find a closed
 * connection.
 */
export function oauthBearer(oauth: KafkaOAuth): Mechanism {
  const source = sources.get(oauth) ?? new TokenSource(oauth);
  sources.set(oauth, source);
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        const token = await source.token();
        const fields = Object.entries({ auth: `Bearer ${token}`, ...oauth.extensions });
        const text = fields.map(([name, value]) => `${name}=${value}${SEPARATOR}`).join('');
        try {
          const refusal = await saslAuthenticate({
            request: { encode: () => sized(`n,,${SEPARATOR}${text}${SEPARATOR}`) },
            // kafkajs puts the size before the response.
            response: { decode: (answer) => answer.subarray(4), parse: (reason) => reason.toString('utf8') },
          });
          if (refusal === undefined || refusal === '') return;
          // The broker now waits for this byte, and answers with the error.
          await saslAuthenticate({ request: { encode: () => sized(SEPARATOR) } });
          throw new Error(refusal);
        } catch (error) {
          const isRefusal = error instanceof Error && !/Connection|Timeout/.test(error.name);
          if (!isRefusal) throw error;
          source.discard(token);
          throw refused(error);
        }
      },
    }),
  };
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** Returns the error by which kafkajs, and {@link kafkaError}, recognize a refused login. */
function refused({ message }: Error): Error {
  return Object.assign(new Error(`SASL OAUTHBEARER: ${foreignText(message)}`), {
    name: 'KafkaJSSASLAuthenticationError',
    retriable: false,
  });
}
