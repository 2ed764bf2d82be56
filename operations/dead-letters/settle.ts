import { withConnections, type Connections } from '../../core/connections.ts';
import type { StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import type { Redriven } from '../../core/dead-letters/writer.ts';
import { claimStreams } from '../../core/kafka/run-claim.ts';
import { redriveRecords } from '../redrive/produce/redrive.ts';
import { DEAD_LETTERS, RedriveProducer } from '../redrive/redrive-producer.ts';
import { redriveRows } from '../redrive/sink/redrive.ts';
import type { Choice } from './dead-letters.ts';

/** Marks the dead letters as discarded. @param onDiscarded is called after each one is marked. */
export async function discardDeadLetters(
  services: Connections<'admin'>,
  { chosen }: Choice,
  reason: string,
  onDiscarded: (deadLetter: StoredDeadLetter) => void,
): Promise<void> {
  await withRedriveProducer(services, [], async (producer) => {
    for (const deadLetter of chosen) {
      await producer.mark(deadLetter, { kind: 'discarded', reason });
      onDiscarded(deadLetter);
    }
  });
}

/** Redrives the dead letters. @param onOutcome is called after each one is marked. */
export async function redriveDeadLetters(
  services: Connections<'admin'>,
  { chosen, all }: Choice,
  onOutcome: (redriven: Redriven) => void,
): Promise<void> {
  const { settings, signal } = services;
  const rows = chosen.filter((deadLetter) => deadLetter.step === 'sink');
  const records = chosen.filter((deadLetter) => deadLetter.step === 'produce');
  const rejected = all
    .filter((deadLetter) => deadLetter.step === 'sink')
    .filter(({ state }) => state !== 'redriven');
  // Without the claim, an old record of a dead letter could overtake a record that a run sends.
  const claimed = new Set(records.map(({ stream }) => stream));
  // Records need no ClickHouse.
  const needs: ('registry' | 'database')[] = rows.length === 0 ? ['registry'] : ['registry', 'database'];
  await withConnections(settings, { name: 'dead-letters', needs }, signal, (connections) =>
    withRedriveProducer(services, [...claimed], async (producer) => {
      const shared = { ...services, ...connections, producer };
      for await (const redriven of redriveRecords(records, shared)) onOutcome(redriven);
      for await (const redriven of redriveRows(rows, rejected, shared)) onOutcome(redriven);
    }),
  );
}

/** Claims dead letters and these streams while the work runs. */
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
      await producer.close();
    }
  } finally {
    await claim.release();
  }
}
