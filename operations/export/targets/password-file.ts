import pgpass from 'pgpass';
import { TargetFailedError } from '../../../core/errors.ts';
import { rememberSecret } from '../../../core/redact.ts';

/**
 * Returns the password of a connection in `~/.pgpass`, or in the file that PGPASSFILE names, which
 * becomes a known secret.
 * @throws TargetFailedError if it has none.
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
