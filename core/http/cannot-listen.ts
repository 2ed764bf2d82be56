import { ConfigError, messageOf } from '../errors.ts';

/**
 * Returns the error for a server that cannot listen on the address of its settings `<name>_HOST`
 * and `<name>_PORT`.
 */
export function cannotListen(
  name: 'SHOW' | 'WEBHOOK',
  server: string,
  { host, port }: { readonly host: string; readonly port: number },
  error: unknown,
): ConfigError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return new ConfigError(whyNot(), { cause: error });

  function whyNot(): string {
    if (code === 'EADDRINUSE')
      return `${name}_PORT is ${port}, which is in use: set a free port, or stop the other ${server}`;
    if (code === 'EACCES')
      return `${name}_PORT is ${port}, which this user may not use: set a port of 1024 or higher`;
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      return `${name}_HOST is ${host}, which is not an address of this machine: set 127.0.0.1, or another address of this machine`;
    return `the ${server} cannot listen on ${name}_HOST ${host}, ${name}_PORT ${port}: ${messageOf(error)}`;
  }
}
