import { Registry } from '../../core/avro/registry.ts';
import { Database } from '../../core/clickhouse/database.ts';
import type { StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import type { Redriven } from '../../core/dead-letters/writer.ts';
import { RunClaim } from '../../core/kafka/run-claim.ts';
import { redriveRecords } from '../redrive/produce/redrive.ts';
import { DEAD_LETTERS, RedriveProducer } from '../redrive/redrive-producer.ts';
import { redriveRows } from '../redrive/sink/redrive.ts';
import type { Choice, DeadLetterServices } from './dead-letters.ts';

/** Marks the dead letters as discarded, and yields each one after it is marked. */
export async function* discardDeadLetters(
  { admin, settings, signal }: DeadLetterServices,
  { chosen }: Choice,
  reason: string,
): AsyncGenerator<StoredDeadLetter, void, undefined> {
  const claim = await RunClaim.acquire(
    admin,
    settings,
    { names: [DEAD_LETTERS], isTakingOver: false },
    signal,
  );
  try {
    const producer = await RedriveProducer.connect(settings);
    try {
      for (const deadLetter of chosen) {
        await producer.mark(deadLetter, { kind: 'discarded', reason });
        yield deadLetter;
      }
    } finally {
      await producer.close();
    }
  } finally {
    await claim.release();
  }
}

/** Sends the dead letters through the step that rejected them, and yields each outcome. */
export async function* redriveDeadLetters(
  { admin, settings, signal }: DeadLetterServices,
  { chosen, all }: Choice,
): AsyncGenerator<Redriven, void, undefined> {
  const rows = chosen.filter((deadLetter) => deadLetter.step === 'sink');
  const records = chosen.filter((deadLetter) => deadLetter.step === 'produce');
  const registry = await Registry.connect(settings.schemaRegistry, signal);
  const database = rows.length === 0 ? undefined : await Database.connect(settings.clickhouse, signal);
  let producer: RedriveProducer | undefined;
  let claim: RunClaim | undefined;
  try {
    // Without the claim, an old record of a dead letter could overtake a record that a run sends.
    const names = [DEAD_LETTERS, ...new Set(records.map(({ stream }) => stream))];
    claim = await RunClaim.acquire(admin, settings, { names, isTakingOver: false }, signal);
    producer = await RedriveProducer.connect(settings);
    const services = { admin, registry, settings, producer, signal };
    yield* redriveRecords(records, services);
    if (database === undefined) return;
    const rejected = all
      .filter((deadLetter) => deadLetter.step === 'sink')
      .filter(({ state }) => state !== 'redriven');
    yield* redriveRows(rows, rejected, { ...services, database });
  } finally {
    await Promise.all([producer?.close(), database?.close()]);
    await claim?.release();
  }
}
