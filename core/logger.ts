import { Writable } from 'node:stream';
import { pino, type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { liveLines } from './terminal/live-lines.ts';
import { redactedInOwnWords } from './redact.ts';
import { visibleLine } from './terminal/terminal.ts';

export type { Logger };

/**
 * The process's log, on stderr: readable lines on a terminal, above the progress that may stand there, JSON lines anywhere else.
 * Fields use the field's words (`stream`, `topic`, `partition`, `offset`, `rows`, `ms`).
 */
export const logger: Logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  process.stderr.isTTY
    ? pretty({
        destination: terminal(),
        translateTime: 'SYS:HH:MM:ss',
        hideObject: true,
        messageFormat: line,
      })
    : withoutSecrets(pino.destination({ fd: 2, sync: true })),
);

/** Errors bring causes and stacks, which have not passed `messageOf`. */
function withoutSecrets(destination: DestinationStream): DestinationStream {
  return { write: (text) => destination.write(redactedInOwnWords(text)) };
}

/** Written before the call returns, as the lines of a process that ends at once must be. */
function terminal(): Writable {
  return new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      liveLines.writeAbove(redactedInOwnWords(text));
      done();
    },
  });
}

/** What the time and the level are said by already. */
const saidBefore = new Set(['level', 'time', 'msg']);

/** `table created  table=plans_raw` */
function line(entry: Record<string, unknown>): string {
  const fields = Object.entries(entry).filter(([name]) => !saidBefore.has(name));
  const pairs = fields.map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  // pino-pretty adds colours and the line end afterwards.
  return visibleLine([String(entry['msg']), ...pairs].join('  '));
}
