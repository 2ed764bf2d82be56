import { withConnections, type Connections } from '../../core/connections.ts';
import { readDeadLetters, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import type { Discarding, Redriven, RedriveOutcome } from '../../core/dead-letters/writer.ts';
import { claimStreams } from '../../core/kafka/run-claim.ts';
import { redriveRecords } from '../redrive/produce/redrive.ts';
import { DEAD_LETTERS, RedriveProducer } from '../redrive/redrive-producer.ts';
import { redriveRows } from '../redrive/sink/redrive.ts';
import type { Choice } from './dead-letters.ts';

/** The outcome of a skipped dead letter, with the reason. */
type Skipped = Extract<RedriveOutcome, { readonly kind: 'skipped' }>;

/**
 * Marks the dead letters as discarded. Skips those that have changed since they were chosen.
 * @param onOutcome is called after each dead letter is marked or skipped.
 */
export async function discardDeadLetters(
  services: Connections<'admin'>,
  { chosen }: Choice,
  reason: string,
  onOutcome: (discarded: {
    readonly deadLetter: StoredDeadLetter;
    readonly outcome: Discarding | Skipped;
  }) => void,
): Promise<void> {
  await withRedriveProducer(services, [], async (producer) => {
    const { open, changed } = await readAgain(services, chosen);
    for (const skipped of changed) onOutcome(skipped);
    const outcome = { kind: 'discarded', reason } as const;
    for (const deadLetter of open) {
      await producer.mark(deadLetter, outcome);
      onOutcome({ deadLetter, outcome });
    }
  });
}

/**
 * Redrives the dead letters. Skips those that have changed since they were chosen.
 * @param onOutcome is called after each dead letter is marked or skipped.
 */
export async function redriveDeadLetters(
  services: Connections<'admin'>,
  { chosen }: Choice,
  onOutcome: (redriven: Redriven) => void,
): Promise<void> {
  const { settings, signal } = services;
  // Without the claim, the old record of a dead letter could be sent after a newer one from a run.
  const claimed = new Set(chosen.filter(({ step }) => step === 'produce').map(({ stream }) => stream));
  // Records are redriven without ClickHouse.
  const hasRows = chosen.some(({ step }) => step === 'sink');
  const needs: ('registry' | 'database')[] = hasRows ? ['registry', 'database'] : ['registry'];
  await withConnections(settings, { name: 'dead-letters', needs }, signal, (connections) =>
    withRedriveProducer(services, [...claimed], async (producer) => {
      const { open, changed, all } = await readAgain(services, chosen);
      for (const skipped of changed) onOutcome(skipped);
      const records = open.filter((deadLetter) => deadLetter.step === 'produce');
      const rows = open.filter((deadLetter) => deadLetter.step === 'sink');
      const rejected = all
        .filter((deadLetter) => deadLetter.step === 'sink')
        .filter(({ state }) => state !== 'redriven');
      const shared = { ...services, ...connections, producer };
      for await (const redriven of redriveRecords(records, shared)) onOutcome(redriven);
      for await (const redriven of redriveRows(rows, rejected, shared)) onOutcome(redriven);
    }),
  );
}

/**
 * Reads the chosen dead letters with their values, under the claim. Another command may have
 * settled some of them since they were chosen.
 */
async function readAgain(
  { settings, signal }: Connections<never>,
  chosen: readonly StoredDeadLetter[],
): Promise<{
  readonly open: readonly StoredDeadLetter[];
  readonly changed: readonly { readonly deadLetter: StoredDeadLetter; readonly outcome: Skipped }[];
  readonly all: readonly StoredDeadLetter[];
}> {
  const ids = new Set(chosen.map(({ id }) => id));
  const { deadLetters: all } = await readDeadLetters(settings, ({ id }) => ids.has(id), signal);
  const byId = new Map(all.filter(({ id }) => ids.has(id)).map((now) => [now.id, now]));
  const open = chosen.flatMap(({ id, state }) => {
    const now = byId.get(id);
    return now?.state === state ? [now] : [];
  });
  const changed = chosen
    .filter(({ id, state }) => byId.get(id)?.state !== state)
    .map((deadLetter) => {
      const state = byId.get(deadLetter.id)?.state;
      const why = state === undefined ? 'it is no longer on the topic' : changeText(state);
      return { deadLetter, outcome: { kind: 'skipped', why } as const };
    });
  return { open, changed, all };
}

function changeText(state: StoredDeadLetter['state']): string {
  return state === 'waiting' ? 'it became pending in the meantime' : `it was ${state} in the meantime`;
}

/** Claims the dead letters and the given streams while the work runs. */
async function withRedriveProducer(
  { admin, settings, signal }: Connections<'admin'>,
  streams: readonly string[],
  work: (producer: RedriveProducer) => Promise<void>,
): Promise<void> {
  const names = [DEAD_LETTERS, ...streams];
  const claim = await claimStreams(admin, settings, { names, isTakingOver: false }, signal);
  try {
    const producer = await RedriveProducer.connect(settings);
    try {
      await work(producer);
    } finally {
      await producer.close(admin);
    }
  } finally {
    await claim.release();
  }
}
