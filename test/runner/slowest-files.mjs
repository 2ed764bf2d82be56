import { relative } from 'node:path';

// JavaScript, since node loads a reporter before tsx.

const FILES = 15;

/** A reporter of node's test runner that prints the files whose tests took longest. */
export default async function* slowestFiles(events) {
  const msByFile = new Map();
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.nesting > 0 || data.file === undefined) continue;
    msByFile.set(data.file, (msByFile.get(data.file) ?? 0) + data.details.duration_ms);
  }
  const slowest = [...msByFile].sort(([, a], [, b]) => b - a).slice(0, FILES);
  yield '\nslowest files (seconds)\n';
  for (const [file, ms] of slowest)
    yield `${(ms / 1_000).toFixed(1).padStart(7)}  ${relative(process.cwd(), file)}\n`;
}
