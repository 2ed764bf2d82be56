const MAX_ENTRIES = 50;
const MAX_LENGTH = 20_000;

export interface HistoryEntry {
  readonly sql: string;
  readonly atMs: number;
}

/** Returns the queries that ran on this database, the newest first. */
export function readHistory(place: string): readonly HistoryEntry[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(keyOf(place)) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isEntry).slice(0, MAX_ENTRIES) : [];
  } catch {
    // The user blocks storage, or another program changed the entry.
    return [];
  }
}

/** Adds a query, unless it is longer than MAX_LENGTH, and removes its earlier entry. */
export function addToHistory(place: string, sql: string, atMs: number): readonly HistoryEntry[] {
  const others = readHistory(place).filter((entry) => entry.sql !== sql);
  const entries = sql.length > MAX_LENGTH ? others : [{ sql, atMs }, ...others].slice(0, MAX_ENTRIES);
  try {
    localStorage.setItem(keyOf(place), JSON.stringify(entries));
  } catch {
    // The storage is full or blocked: the page works without it.
  }
  return entries;
}

export function clearHistory(place: string): void {
  try {
    localStorage.removeItem(keyOf(place));
  } catch {
    // Nothing was stored.
  }
}

function keyOf(place: string): string {
  return `sql-history ${place}`;
}

function isEntry(value: unknown): value is HistoryEntry {
  if (typeof value !== 'object' || value === null) return false;
  return 'sql' in value && typeof value.sql === 'string' && 'atMs' in value && typeof value.atMs === 'number';
}
