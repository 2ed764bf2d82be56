declare module 'pgpass' {
  interface Connection {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
  }
  /**
   * Calls back with the password of a connection in the password file; undefined if it has none.
   */
  function pgpass(connection: Connection, done: (password: string | undefined) => void): void;
  export = pgpass;
}
