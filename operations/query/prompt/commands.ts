import { textTable } from '../../../core/terminal/columns.ts';

/** The commands of the prompt, besides SQL. */
export const promptCommands = [
  {
    name: '\\d',
    argument: '[TABLE]',
    about: 'lists the tables, or the columns of one; also: describe TABLE',
  },
  { name: '\\questions', argument: '[NAME]', about: 'lists the ready-made questions, or runs one' },
  {
    name: '\\format',
    argument: '[NAME]',
    about: 'sets an output format of ClickHouse, such as CSV or Vertical; auto resets it',
  },
  { name: '\\help', argument: '', about: 'shows this list' },
  { name: '\\q', argument: '', about: 'ends the prompt, as Ctrl-D does' },
] as const;

export type PromptCommand = (typeof promptCommands)[number]['name'];

/**
 * Parses a line that is a command of the prompt.
 * @returns undefined for SQL; an undefined name for an unknown command.
 */
export function parseCommand(
  line: string,
): { readonly name: PromptCommand | undefined; readonly argument: string } | undefined {
  const text = line.trim().replace(/;$/, '').trimEnd();
  const [, described] = /^(?:describe|desc)\s+([\w.`]+)$/i.exec(text) ?? [];
  if (described !== undefined) return { name: '\\d', argument: described.replaceAll('`', '') };
  if (/^(?:quit|exit)$/i.test(text)) return { name: '\\q', argument: '' };
  if (/^(?:help|\\\?)$/i.test(text)) return { name: '\\help', argument: '' };
  const [, name, argument = ''] = /^(\\\w*)\s*(.*)$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { name: promptCommands.find((known) => known.name === name)?.name, argument };
}

export function helpText(): string {
  const list = textTable(
    [
      { head: '', of: ({ name, argument }: (typeof promptCommands)[number]) => `${name} ${argument}`.trim() },
      { head: '', of: ({ about }) => about },
    ],
    promptCommands,
  );
  return [
    'A query ends with a semicolon and may have several lines.',
    'Tab completes tables, columns and functions. Ctrl-C cancels a query.',
    'The history omits lines that begin with a space.',
    list.slice(list.indexOf('\n') + 1),
  ].join('\n');
}
