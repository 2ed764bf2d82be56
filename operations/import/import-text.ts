import { grouped, several } from '../../core/terminal/amounts.ts';
import { textTable, type Column } from '../../core/terminal/columns.ts';
import type { PreparedImport } from './bulk-import.ts';
import { faultLines, type FaultList } from './faults.ts';
import type { ImportReport, ObjectReport } from './import-report.ts';
import { objectNames } from './record-kinds.ts';
import type { Verification } from './verify/verify-import.ts';

/** Describes what an import writes, and where. */
export function preparedText({ dataSource, host, file, plan, ended }: PreparedImport): string {
  const counts = objectNames.flatMap((object) => {
    const count = plan.counts[object];
    return count === 0 ? [] : [several(count, object.replaceAll('_', ' '))];
  });
  const rest = ended === 0 ? '' : `, of which ${grouped(ended)} ended in an earlier run`;
  return [
    `data source  ${dataSource.name === '' ? '' : `${dataSource.name}, `}${dataSource.uuid}`,
    `host         ${host}`,
    `file         ${file.path}`,
    `records      ${counts.join(`\n${' '.repeat(13)}`)}`,
    `requests     ${grouped(plan.batches.length)}${rest}`,
  ].join('\n');
}

export function faultText(file: string, faults: FaultList): string {
  return [...faultLines(faults), `${file}: ${several(faults.count, 'error')}; nothing was sent`].join('\n');
}

const columns: readonly Column<ObjectReport>[] = [
  { head: 'object', of: ({ object }) => object },
  { head: 'lines', of: ({ lines }) => lines },
  { head: 'imported', of: ({ lines, failed }) => lines - failed },
  { head: 'failed', of: ({ failed }) => failed },
];

export function reportText({ objects, failures, requests, path }: ImportReport, wasEnded: boolean): string {
  const sent = wasEnded
    ? 'nothing was sent: an earlier run has imported this file'
    : `${several(requests, 'request')} processed`;
  return [
    textTable(columns, objects),
    '',
    ...faultLines(failures),
    `${sent}; the outcome of each line is in ${path}`,
  ].join('\n');
}

export function verificationText({ compared, differences }: Verification): string {
  const total = `verified ${several(compared, 'line')} against ChartMogul`;
  if (differences.count === 0) return `${total}: all match`;
  return [...faultLines(differences), `${total}: ${several(differences.count, 'difference')}`].join('\n');
}
