import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/**
 * The process's log, on stderr: readable lines on a terminal, JSON lines anywhere else.
 * Fields use the field's words (`stream`, `topic`, `partition`, `offset`, `rows`, `ms`).
 */
export const logger: Logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss' })
    : pino.destination({ fd: 2, sync: true }),
);
