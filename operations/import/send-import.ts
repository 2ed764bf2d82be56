import pLimit from 'p-limit';
import { AccessDeniedError, messageOf, RequestRefusedError, StoppedError } from '../../core/errors.ts';
import type { BatchEnd, ImportFolder, PlannedBatch } from './import-folder.ts';
import type { ImportJobs } from './import-jobs.ts';
import type { ImportProgress } from './import-progress.ts';
import { failuresOf } from './line-failures.ts';

/**
 * Maximum number of concurrent requests. Their customers differ, so ChartMogul may process them at
 * the same time.
 */
const MAX_IN_FLIGHT = 4;

interface Sending {
  readonly folder: ImportFolder;
  readonly jobs: ImportJobs;
  readonly progress: ImportProgress;
  /** Aborts when the user stops the import, or when a request fails permanently. */
  readonly signal: AbortSignal;
  readonly ends: Map<string, BatchEnd>;
  /** Requests that an earlier run may have sent. */
  readonly begun: ReadonlySet<string>;
}

/**
 * Sends all requests that have not ended yet, plans first, and waits until they end. The requests
 * of a customer are sent one at a time: each after ChartMogul has processed the previous one.
 * If lines of a request fail, skips the requests that continue it; if plans fail, skips all others.
 * @returns the outcomes, in the order of the requests.
 */
export async function sendBatches(
  folder: ImportFolder,
  batches: readonly PlannedBatch[],
  jobs: ImportJobs,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<BatchEnd[]> {
  progress.begin('sending', batches.length);
  const running = new AbortController();
  const onAbort = () => running.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const journal = [...folder.readJournal().values()];
  const sending: Sending = {
    folder,
    jobs,
    progress,
    signal: running.signal,
    ends: new Map(
      journal.flatMap((entry) => (entry.status === 'sending' ? [] : [[entry.externalId, entry]])),
    ),
    begun: new Set(journal.map(({ externalId }) => externalId)),
  };
  const limit = pLimit(MAX_IN_FLIGHT);
  try {
    const [plans, others] = [batches.filter(isOfPlans), batches.filter((batch) => !isOfPlans(batch))];
    const arePlansImported = await sendChain(sending, plans);
    if (!arePlansImported)
      for (const batch of others) await skip(sending, batch, 'not sent, because plans failed');
    else {
      const chains = chainsOf(others).map((chain) => limit(() => sendChain(sending, chain)));
      const settled = await Promise.allSettled(
        chains.map((chain) =>
          chain.catch((error: unknown) => {
            running.abort(new StoppedError('another request failed'));
            throw error;
          }),
        ),
      );
      signal.throwIfAborted();
      const errors = settled.flatMap((result) =>
        result.status === 'rejected' ? [result.reason as unknown] : [],
      );
      const cause = errors.find((error) => !(error instanceof StoppedError)) ?? errors[0];
      if (errors.length > 0) throw cause;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return batches.flatMap(({ externalId }) => sending.ends.get(externalId) ?? []);
}

/**
 * Waits for the requests of an unfinished import, because their customers may be in this import
 * too.
 */
export async function awaitUnfinished(
  folder: ImportFolder,
  jobs: ImportJobs,
  signal: AbortSignal,
): Promise<void> {
  for (const { externalId, status } of folder.readJournal().values()) {
    if (status !== 'sending') continue;
    const job = await jobs.find(externalId);
    if (job !== undefined) await jobs.ended(job, signal);
  }
}

function isOfPlans({ customers }: PlannedBatch): boolean {
  return customers === 0;
}

/** Groups each request with those that continue it. */
function chainsOf(batches: readonly PlannedBatch[]): PlannedBatch[][] {
  const chains: PlannedBatch[][] = [];
  for (const batch of batches) {
    if (batch.continues) chains.at(-1)?.push(batch);
    else chains.push([batch]);
  }
  return chains;
}

/**
 * Sends the requests one after another. After a request with failed lines, skips the rest.
 * @returns whether all lines were imported.
 */
async function sendChain(sending: Sending, chain: readonly PlannedBatch[]): Promise<boolean> {
  let isImported = true;
  for (const batch of chain) {
    if (isImported) isImported = (await send(sending, batch)).failed.length === 0;
    else await skip(sending, batch, 'not sent, because the request before it failed');
  }
  return isImported;
}

async function send(sending: Sending, batch: PlannedBatch): Promise<BatchEnd> {
  const { folder, jobs, progress, signal, ends } = sending;
  const { externalId } = batch;
  const earlier = ends.get(externalId);
  if (earlier !== undefined) {
    count(progress, batch);
    return earlier;
  }
  signal.throwIfAborted();
  const wasSent = sending.begun.has(externalId);
  folder.appendJournal({ externalId, status: 'sending' });
  let end: BatchEnd;
  try {
    const accepted = await jobs.submit(externalId, await folder.body(batch), wasSent, signal);
    const job = await jobs.ended(accepted, signal);
    const failed = failuresOf(await folder.lines(batch), job);
    end = { externalId, status: job.status === 'failed' ? 'failed' : 'completed', failed };
    folder.appendJournal(end);
  } catch (error) {
    if (!(error instanceof RequestRefusedError) || error instanceof AccessDeniedError) throw error;
    // The journal does not record a refusal, so that the next run sends the request again.
    return skip(sending, batch, messageOf(error));
  }
  ends.set(externalId, end);
  count(progress, batch);
  return end;
}

/** Reports all lines of a request as failed, without an entry in the journal. */
async function skip(
  { folder, progress, ends }: Sending,
  batch: PlannedBatch,
  reason: string,
): Promise<BatchEnd> {
  const failed = (await folder.lines(batch)).map(({ line }) => [line, reason] as const);
  const end = { externalId: batch.externalId, status: 'failed', failed } as const;
  ends.set(batch.externalId, end);
  count(progress, batch);
  return end;
}

function count(progress: ImportProgress, { records }: PlannedBatch): void {
  progress.done++;
  progress.records += records;
}
