import { AsyncLocalStorage } from 'node:async_hooks';
import { Writable } from 'node:stream';
import { pino, type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { liveLines } from './terminal/live-lines.ts';
import { redactedInOwnWords } from './redact.ts';
import { visibleLine } from './terminal/terminal.ts';

export type { Logger };

const runs = new AsyncLocalStorage<string>();

/** Runs work that belongs to a run. Every log line of the work contains the run's id. */
export function withRunId<T>(run: string, work: () => T): T {
  return runs.run(run, work);
}

/** The log on stderr: readable lines above any progress on a terminal, JSON lines elsewhere. */
export const logger: Logger = pino(
  {
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: () => {
      const run = runs.getStore();
      return run === undefined ? {} : { run };
    },
  },
  process.stderr.isTTY
    ? pretty({
        destination: terminal(),
        translateTime: 'SYS:HH:MM:ss',
        hideObject: true,
        messageFormat: line,
      })
    : withoutSecrets(pino.destination({ fd: 2, sync: true })),
);

/** Redacts whole lines, because logged errors have causes and stacks that bypass `messageOf`. */
function withoutSecrets(destination: DestinationStream): DestinationStream {
  return { write: (text) => destination.write(redactedInOwnWords(text)) };
}

/** Writes before the call returns, so that a process that exits immediately does not lose lines. */
function terminal(): Writable {
  return new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      liveLines.writeAbove(redactedInOwnWords(text));
      done();
    },
  });
}

const SHOWN_RUN_ID = 8;
const ownFields = new Set(['level', 'time', 'msg']);

/** Returns `table created  table=plans_raw`. The run comes last, with only the start of its id. */
function line({ run, ...entry }: Record<string, unknown>): string {
  const fields = Object.entries(entry).filter(([name]) => !ownFields.has(name));
  if (typeof run === 'string') fields.push(['run', run.slice(0, SHOWN_RUN_ID)]);
  const pairs = fields.map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  // pino-pretty adds colours and the line end afterwards.
  return visibleLine([String(entry['msg']), ...pairs].join('  '));
}
