import { Readable } from 'node:stream';
import { writePrivateStream } from '../../core/private-files.ts';
import { FaultList } from './faults.ts';
import type { BatchEnd, ImportFolder, PlannedBatch } from './import-folder.ts';
import { objectNames, type ObjectName } from './record-kinds.ts';

export interface ObjectReport {
  readonly object: ObjectName;
  readonly lines: number;
  readonly failed: number;
}

/** The outcome of an import: line counts per object, and the lines that failed. */
export interface ImportReport {
  readonly objects: readonly ObjectReport[];
  readonly failures: FaultList;
  readonly requests: number;
  /** The file with the outcome of each line. */
  readonly path: string;
}

/** Counts the lines by outcome, and writes a line for each into the folder's report. */
export async function writeReport(
  folder: ImportFolder,
  batches: readonly PlannedBatch[],
  ends: readonly BatchEnd[],
  signal: AbortSignal,
): Promise<ImportReport> {
  const lines = new Map<ObjectName, { lines: number; failed: number }>();
  const failures = new FaultList();
  const endOf = new Map(ends.map((end) => [end.externalId, end]));
  async function* texts(): AsyncGenerator<string, void, undefined> {
    for (const batch of batches) {
      const reasons = new Map(endOf.get(batch.externalId)?.failed);
      let text = '';
      for (const { line, object, id } of await folder.lines(batch)) {
        const reason = reasons.get(line);
        const counts = lines.get(object) ?? { lines: 0, failed: 0 };
        counts.lines++;
        lines.set(object, counts);
        if (reason !== undefined) {
          counts.failed++;
          failures.add({ line, object, field: undefined, message: reason });
        }
        const outcome = reason === undefined ? { status: 'imported' } : { status: 'failed', reason };
        text += `${JSON.stringify({ line, object, external_id: id, ...outcome })}\n`;
      }
      yield text;
    }
  }
  await writePrivateStream(folder.reportPath, [Readable.from(texts())], signal);
  const objects = objectNames.flatMap((object) => {
    const counts = lines.get(object);
    return counts === undefined ? [] : [{ object, ...counts }];
  });
  return { objects, failures, requests: batches.length, path: folder.reportPath };
}
