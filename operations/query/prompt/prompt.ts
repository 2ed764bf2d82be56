import { createInterface, type Interface } from 'node:readline';
import { messageOf } from '../../../core/errors.ts';
import { print } from '../../../core/terminal/terminal.ts';
import { readQuestions } from '../library.ts';
import type { ReadOnlyQueries } from '../read-only-queries.ts';
import type { TableDescription } from '../table-list.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { AnswerPrinter } from './answer-printer.ts';
import { helpText, parseCommand } from './commands.ts';
import { complete } from './completion.ts';
import { describeText, questionsText, tablesText } from './descriptions.ts';
import { Echo } from './echo.ts';
import { History } from './history.ts';
import { firstStatement, oneLine } from './statement.ts';

interface PromptOptions {
  readonly queries: ReadOnlyQueries;
  readonly database: string;
  /** The folder of the history. */
  readonly dataDir: string;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/**
 * Answers SQL and commands from a terminal until the user quits or the signal aborts. A failed
 * query does not end the prompt.
 * @throws ServiceUnavailableError, ServiceRefusedError if the tables cannot be listed at the start.
 */
export async function runPrompt(options: PromptOptions): Promise<void> {
  const tables = await options.queries.tables(options.signal);
  await new Prompt(options, tables).run();
}

class Prompt {
  readonly #options: PromptOptions;
  readonly #history: History;
  readonly #echo: Echo;
  readonly #lines: Interface;
  readonly #printer: AnswerPrinter;
  #tables: readonly TableDescription[];
  #vocabulary: Vocabulary = { functions: [], keywords: [] };
  /** The lines of a statement that is not complete. */
  #pending = '';
  #running: AbortController | undefined;
  #isOver = false;

  constructor(options: PromptOptions, tables: readonly TableDescription[]) {
    this.#options = options;
    this.#tables = tables;
    this.#history = new History(options.dataDir);
    this.#echo = new Echo(options.output);
    this.#printer = new AnswerPrinter(options.queries, options.output);
    this.#lines = createInterface({
      input: options.input,
      output: this.#echo,
      terminal: true,
      history: [...this.#history.entries],
      historySize: 1_000,
      removeHistoryDuplicates: true,
      completer: (line: string) =>
        complete(line, this.#pending, { tables: this.#tables, vocabulary: this.#vocabulary }),
    });
  }

  async run(): Promise<void> {
    const { queries, database, signal } = this.#options;
    this.#say(
      `Read-only SQL on ${database}. \\d lists the tables, \\help lists the commands, \\q ends the prompt.`,
    );
    // Completion works without functions until the server has listed them.
    queries.vocabulary(signal).then(
      (vocabulary) => (this.#vocabulary = vocabulary),
      () => undefined,
    );
    const onAbort = () => this.#lines.close();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#lines.on('SIGINT', () => this.#onInterrupt());
    this.#ask();
    try {
      for await (const line of this.#lines) {
        await this.#take(line);
        if (this.#hasEnded()) break;
        this.#ask();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#lines.close();
      this.#say('');
    }
  }

  // A method, because TypeScript does not expect the values to change during an await.
  #hasEnded(): boolean {
    return this.#isOver || this.#options.signal.aborted;
  }

  #ask(): void {
    const { database } = this.#options;
    this.#lines.setPrompt(this.#pending === '' ? `${database}> ` : `${' '.repeat(database.length - 1)}-> `);
    this.#lines.prompt(true);
  }

  /** Cancels the running query or, if there is none, clears the input. */
  #onInterrupt(): void {
    if (this.#running !== undefined) {
      this.#running.abort();
      return;
    }
    this.#say('');
    this.#pending = '';
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    this.#ask();
  }

  async #take(line: string): Promise<void> {
    // Like psql, lets the user leave in the middle of a statement.
    const isCommand = this.#pending === '' || line.trim() === '\\q';
    const command = isCommand ? parseCommand(line) : undefined;
    if (command !== undefined) {
      this.#history.add(line);
      await this.#attempt((signal) => this.#obey(command, line.trim(), signal));
      return;
    }
    this.#pending += `${this.#pending === '' ? '' : '\n'}${line}`;
    for (let next = firstStatement(this.#pending); next !== undefined; next = firstStatement(this.#pending)) {
      const isPrivate = /^\s/.test(this.#pending);
      this.#pending = next.rest;
      if (next.sql === '') continue;
      if (!isPrivate) this.#history.add(`${oneLine(next.sql)};`);
      const { sql } = next;
      await this.#attempt((signal) => this.#printer.answer(sql, signal));
      if (this.#hasEnded()) return;
    }
    if (this.#pending.trim() === '') this.#pending = '';
  }

  async #obey(
    { name, argument }: NonNullable<ReturnType<typeof parseCommand>>,
    line: string,
    signal: AbortSignal,
  ): Promise<void> {
    const width = this.#options.output.columns || 80;
    switch (name) {
      case '\\q':
        this.#isOver = true;
        return;
      case '\\d':
        this.#tables = await this.#options.queries.tables(signal);
        this.#say(argument === '' ? tablesText(this.#tables) : describeText(argument, this.#tables, width));
        return;
      case '\\questions': {
        const questions = readQuestions();
        const question = questions.find((known) => known.name === argument);
        if (question === undefined) {
          this.#say(questionsText(questions, argument));
          return;
        }
        this.#say(question.about);
        await this.#printer.answer(question.sql, signal);
        return;
      }
      case '\\format':
        this.#say(this.#printer.setFormat(argument));
        return;
      case '\\help':
        this.#say(helpText());
        return;
      case undefined:
        this.#say(`unknown command ${line.split(/\s/)[0] ?? ''}: \\help lists the commands`);
    }
  }

  /** Runs work that Ctrl-C cancels, and prints its failure. */
  async #attempt(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.#echo.isMuted = true;
    try {
      await work(AbortSignal.any([this.#options.signal, running.signal]));
    } catch (error) {
      this.#say(running.signal.aborted ? 'cancelled' : messageOf(error));
    } finally {
      this.#running = undefined;
      this.#echo.isMuted = false;
    }
  }

  #say(text: string): void {
    print(`${text}\n`, this.#options.output);
  }
}
