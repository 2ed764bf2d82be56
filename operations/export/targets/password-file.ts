import pgpass from 'pgpass';
import { TargetFailedError } from '../../../core/errors.ts';
import { rememberSecret } from '../../../core/redact.ts';

/**
 * Returns the password for a connection from `~/.pgpass`, or from the file that PGPASSFILE names.
 * Registers the password as a secret, so that messages and logs mask it.
 * @throws TargetFailedError if the file has no password for the connection.
 */
export async function passwordFromFile(connection: Parameters<typeof pgpass>[0]): Promise<string> {
  const password = await new Promise<string | undefined>((resolve) => pgpass(connection, resolve));
  if (password === undefined)
    throw new TargetFailedError(
      `PostgreSQL at ${connection.host}:${connection.port} needs a password: set PGPASSWORD, or add the connection to ~/.pgpass`,
    );
  rememberSecret(password);
  return password;
}
