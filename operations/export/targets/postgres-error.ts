import pg from 'pg';
import { EtlError, TargetFailedError } from '../../../core/errors.ts';
import { foreignText } from '../../../core/http/foreign-text.ts';

/** Error code for a DROP of an object on which other objects depend. */
export const DEPENDENT_OBJECTS = '2BP01';

const DEPENDENT =
  'its columns have changed, and your views depend on the table: drop them, run the export again, and recreate them';

const remedies: Readonly<Record<string, string>> = {
  '28P01': 'check the user, and the password in the address or PGPASSWORD',
  '28000': 'check the user, the database and pg_hba.conf',
  '3D000': 'create the database first',
  '42501': 'the user needs CREATE on the database, and must own the schema chartmogul',
  '53100': 'the disk of the server is full: free some space, then run the export again; it resumes',
  '55P03': 'end the transactions that read the tables, then run the export again; it resumes',
  '57P01': 'the server was shut down: start it, then run the export again; it resumes',
  // A table that cannot be dropped keeps its columns, which may differ from the exported ones.
  '42703': DEPENDENT,
  '42804': DEPENDENT,
  '2BP01': DEPENDENT,
};

/**
 * Converts an error of PostgreSQL or its connection to a TargetFailedError. Returns any other error
 * unchanged.
 */
export function postgresError(error: unknown, at: string): unknown {
  if (error instanceof EtlError) return error;
  const isLost =
    error instanceof Error && ('syscall' in error || /connection|timeout|Client has/i.test(error.message));
  if (!(error instanceof pg.DatabaseError) && !isLost) return error;
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  const remedy =
    remedies[code ?? ''] ??
    (code === undefined
      ? 'check that the server is running and that this machine may connect, then run the export again; it resumes'
      : undefined);
  const said = `PostgreSQL at ${at} ${code === undefined ? 'does not respond' : `returned ${code}`}: ${foreignText(error.message)}`;
  return new TargetFailedError(remedy === undefined ? said : `${said}; ${remedy}`, { cause: error });
}
