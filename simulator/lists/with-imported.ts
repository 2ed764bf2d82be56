import type { Rendered } from '../data/rendered.ts';
import { idInCursor, toCursor, type List } from '../paging.ts';

/** An imported row in a list of generated rows. */
export class ImportedRow {
  readonly record: Rendered;

  constructor(record: Rendered) {
    this.record = record;
  }

  get id(): string {
    return String(this.record['uuid'] ?? this.record['id']);
  }
}

/** Adds imported records to a list: newest first at its start, or oldest first at its end. */
export function withImported<Item>(
  list: List<Item>,
  records: readonly Rendered[],
  place: 'first' | 'last',
): List<Item | ImportedRow> {
  const oldestFirst = records.map((record) => new ImportedRow(record));
  const imported = place === 'first' ? oldestFirst.reverse() : oldestFirst;
  const after = (cursor: string) => {
    const id = imported.length === 0 ? undefined : idInCursor(cursor);
    return imported.findIndex((row) => row.id === id);
  };
  return {
    ...list,
    *rows(cursor) {
      const at = cursor === undefined ? -1 : after(cursor);
      if (place === 'first') {
        if (cursor === undefined || at >= 0) yield* imported.slice(at + 1);
        yield* list.rows(at >= 0 ? undefined : cursor);
      } else {
        if (at < 0) yield* list.rows(cursor);
        yield* imported.slice(at + 1);
      }
    },
    render: (item) => (item instanceof ImportedRow ? item.record : list.render(item)),
    cursorOf: (item, next) =>
      item instanceof ImportedRow
        ? toCursor('', item.id)
        : list.cursorOf(item, next instanceof ImportedRow ? undefined : next),
  };
}
