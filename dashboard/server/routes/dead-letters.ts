import { withConnections, type Connections } from '../../../core/connections.ts';
import type { StoredDeadLetter } from '../../../core/dead-letters/reader.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { parseIdPrefix } from '../../../operations/dead-letters/choose.ts';
import {
  chooseDeadLetters,
  listDeadLetters,
  showDeadLetter,
} from '../../../operations/dead-letters/dead-letters.ts';
import { discardDeadLetters, redriveDeadLetters } from '../../../operations/dead-letters/settle.ts';
import { headerTexts, hexDump } from '../../../operations/dead-letters/text.ts';
import { recordText } from '../../../operations/messages/record-text.ts';
import type {
  DeadLetterDetails,
  DeadLetterKind,
  DeadLetterLine,
  DeadLetterList,
  DeadLetterState,
  SettledDeadLetter,
  SettleProgress,
  SettleRequest,
} from '../../api/dead-letters.ts';
import { sendError } from '../api-error.ts';
import type { Routes } from '../context.ts';
import { Job } from '../job.ts';
import { endOf } from '../request-end.ts';
import { SharedRead } from '../shared-read.ts';

/** The number of dead letters on a page of the list. */
const PAGE = 100;
/** Each list reads the entire topic, and a page requests several lists. */
const SHARED_MS = 5_000;
/** The maximum number of dead letters that one request redrives or discards. */
const MAX_SETTLED = 1_000;

interface ListQuery {
  readonly state: DeadLetterState;
  readonly stream?: string;
  readonly text?: string;
  readonly offset: number;
}

const listSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    state: { type: 'string', enum: ['waiting', 'redriven', 'discarded'], default: 'waiting' },
    stream: { type: 'string', maxLength: 249 },
    text: { type: 'string', maxLength: 500 },
    offset: { type: 'integer', minimum: 0, maximum: 10_000_000, default: 0 },
  },
};

const settleSchema = {
  type: 'object',
  required: ['action', 'ids'],
  additionalProperties: false,
  properties: {
    action: { type: 'string', enum: ['redrive', 'discard'] },
    ids: {
      type: 'array',
      minItems: 1,
      maxItems: MAX_SETTLED,
      items: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    },
    reason: { type: 'string', maxLength: 500 },
  },
};

export const addDeadLetters: Routes = (app, { settings, signal, lanes }) => {
  const job = new Job<SettleProgress, null>(signal);
  const withKafka = <T>(end: AbortSignal, work: (services: Connections<'admin'>) => Promise<T>) =>
    lanes.scans.run(end, () => withConnections(settings, { name: 'show', needs: ['admin'] }, end, work));
  const all = new SharedRead(
    // A page that disconnects must not end the read of another page.
    () => withKafka(signal, (services) => listDeadLetters(services, { includesSettled: true })),
    SHARED_MS,
  );
  app.get<{ Querystring: ListQuery }>(
    '/api/dead-letters',
    { schema: { querystring: listSchema } },
    async (request) => listOf(await all.get(), request.query),
  );
  app.get<{ Params: { id: string } }>('/api/dead-letters/:id', (request, reply) => {
    const prefix = parseIdPrefix(request.params.id);
    return withKafka(endOf(reply, signal), (services) => show(services, prefix));
  });
  app.get('/api/dead-letters/job', () => job.state);
  app.post<{ Body: SettleRequest }>(
    '/api/dead-letters/settle',
    { schema: { body: settleSchema } },
    (request, reply) => {
      const settled: SettledDeadLetter[] = [];
      const work = (stop: AbortSignal) =>
        settle(settings, request.body, settled, stop).finally(() => all.forget());
      if (!job.start(work, () => ({ request: request.body, settled })))
        return sendError(
          reply,
          409,
          'dead letters are being redriven or discarded',
          'wait until the work has ended, or cancel it',
        );
      return job.state;
    },
  );
  app.post('/api/dead-letters/cancel', () => {
    job.cancel();
    return job.state;
  });
};

function listOf(
  { deadLetters: all, others }: Awaited<ReturnType<typeof listDeadLetters>>,
  { state, stream, text = '', offset }: ListQuery,
): DeadLetterList {
  const ofState = all.filter((deadLetter) => deadLetter.state === state);
  const wanted = text.toLowerCase();
  const matching = ofState.filter(
    (deadLetter) =>
      (stream === undefined || deadLetter.stream === stream) &&
      [deadLetter.code, deadLetter.reason, deadLetter.recordKey ?? '', deadLetter.id].some((part) =>
        part.toLowerCase().includes(wanted),
      ),
  );
  const countOf = (wantedState: DeadLetterState) => all.filter((one) => one.state === wantedState).length;
  return {
    counts: {
      waiting: countOf('waiting'),
      redriven: countOf('redriven'),
      discarded: countOf('discarded'),
    },
    kinds: kindsOf(ofState),
    total: matching.length,
    deadLetters: matching.slice(offset, offset + PAGE).map(lineOf),
    others,
  };
}

function kindsOf(deadLetters: readonly StoredDeadLetter[]): DeadLetterKind[] {
  const kinds = new Map<string, DeadLetterKind>();
  for (const { stream, step, code } of deadLetters) {
    const name = `${stream} ${step} ${code}`;
    kinds.set(name, { stream, step, code, count: (kinds.get(name)?.count ?? 0) + 1 });
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count);
}

function lineOf(deadLetter: StoredDeadLetter): DeadLetterLine {
  const { id, stream, step, code, reason, state, rejectedAtMs, attempts, recordKey } = deadLetter;
  return {
    id,
    stream,
    step,
    code,
    reason,
    state,
    rejectedMs: rejectedAtMs,
    attempts,
    ...(recordKey !== undefined && { recordKey }),
  };
}

async function show(services: Connections<'admin'>, idPrefix: string): Promise<DeadLetterDetails> {
  const { deadLetter, value, content } = await showDeadLetter(services, idPrefix);
  const { bytes, redrivenMs } = deadLetter;
  return {
    ...lineOf(deadLetter),
    ...(deadLetter.step === 'sink' && {
      topic: deadLetter.topic,
      partition: deadLetter.partition,
      offset: deadLetter.offset,
      timestampMs: deadLetter.timestampMs,
    }),
    ...(redrivenMs !== undefined && { redrivenMs }),
    bytes,
    headers: headerTexts(deadLetter),
    ...('record' in content
      ? { record: shownRecord(content.record) }
      : { why: content.why, hexDump: hexDump(value) }),
  };
}

function shownRecord(json: string): string {
  const { text, isCut } = recordText(json);
  return isCut
    ? `${text}…\n\nonly the start is shown: npm run dead-letters -- show prints the entire record`
    : text;
}

/** Redrives or discards the dead letters, and adds each of them to `settled`. */
async function settle(
  settings: Settings,
  { action, ids, reason = '' }: SettleRequest,
  settled: SettledDeadLetter[],
  signal: AbortSignal,
): Promise<null> {
  const add = ({ id, stream }: StoredDeadLetter, outcome: SettledDeadLetter['outcome'], text: string) =>
    settled.push({ id, stream, outcome, text });
  await withConnections(settings, { name: 'show', needs: ['admin'] }, signal, async (services) => {
    const choice = await chooseDeadLetters(services, { idPrefixes: ids }, action === 'redrive');
    for (const deadLetter of choice.settled) add(deadLetter, 'skipped', `was already ${deadLetter.state}`);
    if (choice.chosen.length === 0) return;
    if (action === 'discard') {
      const why = reason.trim() === '' ? 'no reason given' : reason.trim();
      await discardDeadLetters(services, choice, why, ({ deadLetter, outcome }) =>
        add(deadLetter, outcome.kind, outcome.kind === 'skipped' ? outcome.why : why),
      );
    } else
      await redriveDeadLetters(services, choice, ({ deadLetter, outcome }) => {
        if (outcome.kind === 'redriven') add(deadLetter, 'redriven', outcome.how);
        else if (outcome.kind === 'failed') add(deadLetter, 'failed', outcome.error.message);
        else add(deadLetter, 'skipped', outcome.why);
      });
  });
  return null;
}
