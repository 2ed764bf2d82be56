import { ClickHouseError } from '@clickhouse/client';
import type fc from 'fast-check';

interface FakeTable {
  shape: number | undefined;
  readonly columns: Map<string, string>;
}

/**
 * A client of an in-memory server that stores the DDL of tables and views. The scheduler decides in
 * which order requests and responses arrive. An ALTER applies all of its actions or none, as on a
 * real server.
 */
export class FakeClickHouse {
  readonly views = new Map<string, string>();
  readonly tables = new Map<string, FakeTable>();
  /** Called after every ALTER that succeeds. */
  onAlter: () => void = () => {};
  readonly #comments = new Map<string, string>();
  readonly #scheduler: fc.Scheduler;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
  }

  async query({ query }: { query: string }) {
    const rows = await this.#onTheWay(() => {
      const name = /(?:name|table) = '(\w+)'/.exec(query)?.[1] ?? '';
      if (query.startsWith('SELECT engine, as_select')) return this.#view(name);
      if (query.startsWith('SELECT name, type, comment')) return viewColumns(this.views.get(name) ?? '');
      if (query.startsWith('SELECT table, name, type, comment')) return this.#columnsOf(query);
      if (query.startsWith('SELECT formatQuerySingleLine')) return formatted(query);
      if (query.startsWith('DESCRIBE TABLE')) return this.#described(query);
      const table = this.tables.get(name);
      if (table === undefined) return [];
      if (query.includes('system.tables')) {
        const constraint = table.shape === undefined ? '' : `, CONSTRAINT shape_${table.shape} ASSUME 1`;
        return [
          {
            engine: 'ReplacingMergeTree',
            create_table_query: `CREATE TABLE ${name} (a Int8${constraint})`,
            engine_full: 'ReplacingMergeTree(_version, _deleted)',
            sorting_key: 'uuid',
          },
        ];
      }
      return [...table.columns].map(([column, type]) => ({
        name: column,
        type: type.replaceAll('`', '').replace(/ EPHEMERAL$/, ''),
        default_kind: type.endsWith(' EPHEMERAL') ? 'EPHEMERAL' : '',
      }));
    });
    return { json: () => Promise.resolve(rows) };
  }

  command({ query }: { query: string }): Promise<void> {
    return this.#onTheWay(() => {
      const [, action, name = ''] =
        /^(CREATE TABLE|ALTER TABLE|CREATE OR REPLACE VIEW|CREATE VIEW).*? `\w+`\.`(\w+)`/.exec(query) ?? [];
      const isView =
        action === 'CREATE OR REPLACE VIEW' || (action === 'CREATE VIEW' && !this.views.has(name));
      if (isView) {
        const [, view = '', comment = ''] = /^(.*) COMMENT '(.*)'$/s.exec(query) ?? [];
        this.views.set(name, view);
        this.#comments.set(name, comment);
      }
      if (action === 'CREATE TABLE' && !this.tables.has(name)) {
        const columns = [...query.matchAll(/^ {2}`(\w+)` (.+?)(?: COMMENT .*)?,?$/gm)];
        this.tables.set(name, {
          shape: Number(/CONSTRAINT `shape_(\d+)`/.exec(query)?.[1]),
          columns: new Map(columns.map(([, column = '', type = '']) => [column, type])),
        });
      }
      if (action === 'ALTER TABLE') this.#alter(this.tables.get(name), query);
    });
  }

  #view(name: string) {
    const [, select] = / AS (SELECT .*)$/s.exec(this.views.get(name) ?? '') ?? [];
    return select === undefined
      ? []
      : [{ engine: 'View', as_select: select, comment: this.#comments.get(name) }];
  }

  #columnsOf(query: string) {
    const [, list = ''] = /table IN \(('.*?')\)/.exec(query) ?? [];
    return [...list.matchAll(/'(\w+)'/g)].flatMap(([, table = '']) =>
      [...(this.tables.get(table)?.columns ?? [])]
        .filter(([, type]) => !type.endsWith(' EPHEMERAL'))
        .map(([name, type]) => ({ table, name, type: type.replaceAll('`', ''), comment: '' })),
    );
  }

  /** Describes a query: columns have the types from the table, and expressions are Strings. */
  #described(query: string) {
    const [, list = '', table = ''] = /SELECT (.*?) FROM `\w+`\.`(\w+)`/.exec(query) ?? [];
    const types = this.tables.get(table)?.columns;
    return list.split(', ').map((column) => {
      const name = /`(\w+)`$/.exec(column)?.[1] ?? column;
      return { name, type: types?.get(name) ?? 'String' };
    });
  }

  #alter(table: FakeTable | undefined, query: string): void {
    if (table === undefined) throw answer('60', 'UNKNOWN_TABLE');
    const dropped = /DROP CONSTRAINT `shape_(\d+)`/.exec(query)?.[1];
    const added = Number(/ADD CONSTRAINT `shape_(\d+)`/.exec(query)?.[1]);
    if (dropped !== undefined && Number(dropped) !== table.shape) throw answer('36', 'BAD_ARGUMENTS');
    if (dropped === undefined && added === table.shape) throw answer('44', 'ILLEGAL_COLUMN');
    table.shape = added;
    const actions = query.split(/, (?=ADD COLUMN|MODIFY COLUMN)/).slice(1);
    for (const action of actions) {
      const [, verb, column = '', type = ''] =
        /^(ADD|MODIFY) COLUMN (?:IF NOT EXISTS )?`(\w+)` (.+?)(?: COMMENT .*)?$/.exec(action) ?? [];
      if (verb === 'MODIFY' || !table.columns.has(column)) table.columns.set(column, type);
    }
    this.onAlter();
  }

  async #onTheWay<T>(effect: () => T): Promise<T> {
    await this.#scheduler.schedule(Promise.resolve());
    try {
      return effect();
    } finally {
      await this.#scheduler.schedule(Promise.resolve());
    }
  }
}

/** Returns the queries unchanged, as rows. */
function formatted(query: string): { select: string }[] {
  const [, list = ''] = /CAST\(\['(.*)'\], 'Array\(String\)'\)/s.exec(query) ?? [];
  return list === '' ? [] : list.split("', '").map((select) => ({ select }));
}

/** Returns the columns that a statement declares for a view. */
export function viewColumns(create: string): { name: string; type: string; comment: string }[] {
  const [, list = ''] = / VIEW.*? `\w+`\.`\w+` \((.*?)\) AS SELECT /s.exec(create) ?? [];
  return [...list.matchAll(/`(\w+)` (.+?) COMMENT '(.*?)'(?:, |$)/g)].map(
    ([, name = '', type = '', comment = '']) => ({ name, type, comment }),
  );
}

function answer(code: string, type: string): ClickHouseError {
  return new ClickHouseError({ message: 'refused', code, type });
}
