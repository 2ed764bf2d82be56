import { grouped } from '../../core/terminal/amounts.ts';

/** Why a line cannot be imported, was not imported, or differs from what ChartMogul shows. */
export interface Fault {
  readonly line: number;
  /** Undefined if the line is not a record. */
  readonly object: string | undefined;
  readonly field: string | undefined;
  /** Such as `must be an integer, in cents; got "9.99"`. */
  readonly message: string;
}

/** The maximum number of faults that are shown. The others are only counted. */
export const MAX_SHOWN_FAULTS = 100;

/**
 * Beyond this number, only the first MAX_SHOWN_FAULTS are kept, so that a file with a million
 * invalid lines does not exhaust memory.
 */
const MAX_HELD = 10_000;

/** The faults of a file: their number, and the first of them. */
export class FaultList {
  #count = 0;
  #held: Fault[] = [];

  get count(): number {
    return this.#count;
  }

  add(...faults: readonly Fault[]): void {
    this.#count += faults.length;
    this.#held.push(...faults);
    if (this.#held.length > MAX_HELD) this.#held = this.first();
  }

  /** Returns the faults of the first lines, in the order of the file. */
  first(): Fault[] {
    return this.#held.sort((left, right) => left.line - right.line).slice(0, MAX_SHOWN_FAULTS);
  }
}

/** Returns one line per fault, and a line with the number of any further faults. */
export function faultLines(faults: FaultList): string[] {
  const first = faults.first();
  const shown = first.map(({ line, object, field, message }) => {
    const place = [`line ${line}`, object, field].filter((part) => part !== undefined).join(', ');
    return `${place}: ${message}`;
  });
  const rest = faults.count - first.length;
  return rest > 0 ? [...shown, `and ${grouped(rest)} more`] : shown;
}
