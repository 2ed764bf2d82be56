declare module 'pgpass' {
  interface Connection {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
  }
  /**
   * Calls back with the password for a connection from the password file; undefined if there is
   * none.
   */
  function pgpass(connection: Connection, done: (password: string | undefined) => void): void;
  export = pgpass;
}
