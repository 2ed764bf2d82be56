import { errorEntries, type NextStep } from '../../operations/errors/reference.ts';
import { code, generatedNote, table } from './markdown.ts';

const headings: Readonly<Record<NextStep, string>> = {
  retry: 'Retry',
  record: 'One record',
  act: 'Action required',
};

const notes: Readonly<Record<NextStep, string>> = {
  retry:
    'The cause may be temporary. `produce` and `sink` retry, and a later run continues where this one stopped.',
  record:
    'The record or message becomes a [dead letter](../how-to/dead-letters.md): a message with its original bytes, a record as JSON. All others are processed.',
  act: 'These errors are not retried automatically. The stream or the command stops until you act.',
};

/** Returns the page that lists every error code with its meaning and its remedy. */
export function errorsPage(): string {
  const sections = (Object.keys(headings) as NextStep[]).map((next) => {
    const rows = errorEntries
      .filter((entry) => entry.next === next)
      .map((entry) => [code(entry.code), entry.meaning, entry.remedy]);
    return `## ${headings[next]}\n\n${notes[next]}\n\n${table(['code', 'meaning', 'remedy'], rows)}`;
  });
  return `${generatedNote}

# Errors

The message of an error names the stream, topic, offset or setting, and ends with the remedy. Run records, dead
letters and log lines also contain the code. Commands print only the message.

${sections.join('\n\n')}
`;
}
