import { relative } from 'node:path';

// JavaScript, since node loads a reporter before tsx.

const FILES = 15;
const LINES = 20;

/**
 * A reporter for node's test runner. At the end of a run it prints the last error output of each
 * failed file, because an error outside tests appears only there, and then the slowest files.
 */
export default async function* summary(events) {
  const msByFile = new Map();
  const stderrByFile = new Map();
  const failed = new Set();
  for await (const { type, data } of events) {
    if (data?.file === undefined) continue;
    if (type === 'test:stderr') {
      const lines = (stderrByFile.get(data.file) ?? '') + data.message;
      stderrByFile.set(data.file, lines.split('\n').slice(-LINES).join('\n'));
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (type === 'test:fail') failed.add(data.file);
    if (data.nesting > 0) continue;
    msByFile.set(data.file, (msByFile.get(data.file) ?? 0) + data.details.duration_ms);
  }
  for (const file of failed) {
    const stderr = stderrByFile.get(file);
    if (stderr !== undefined) yield `\nlast error output of ${relative(process.cwd(), file)}\n${stderr}\n`;
  }
  const slowest = [...msByFile].sort(([, a], [, b]) => b - a).slice(0, FILES);
  yield '\nslowest files (seconds)\n';
  for (const [file, ms] of slowest)
    yield `${(ms / 1_000).toFixed(1).padStart(7)}  ${relative(process.cwd(), file)}\n`;
}
