import { splitUnion, type WriterField, type WriterType } from '../schema/writer-type.ts';
import type { Column } from '../column/column-type.ts';
import { absentBytes } from './absent-value.ts';
import { CodeWriter, type Place, type ValueWriter } from './code-writer.ts';
import { skip } from './skip.ts';

/** V8 does not optimize long functions, but does optimize functions with this many values. */
const VALUES_PER_FUNCTION = 25;

/** Code for one column, and the approximate number of its values. */
interface Step {
  readonly weight: number;
  readonly write: (code: CodeWriter) => void;
}

/**
 * Writes the code that turns the fields of a record, in the writer's order, into columns, in the
 * table's order. Skips a field, and keeps its start, if a later field comes first in the table or
 * the table has no column for the field.
 */
export function writeRecord(
  code: CodeWriter,
  fields: readonly WriterField[],
  columns: readonly Column[],
  place: Place,
  primaryKey: readonly string[],
  writeValue: ValueWriter,
): void {
  const steps: Step[] = [];
  const starts = new Map<WriterField, number>();
  let reached = 0;
  const passTo = (index: number) => {
    for (; reached < index; reached++) {
      const field = fields[reached];
      if (field === undefined) continue;
      const start = code.program.starts++;
      starts.set(field, start);
      steps.push({ weight: 1, write: (to) => passOver(to, field, start, pathOf(place, field.name)) });
    }
  };
  for (const { name, type: column } of columns) {
    const index = fields.findIndex((field) => field.name === name);
    const field = fields[index];
    if (field === undefined) {
      const declared = code.program.declared.get(pathOf(place, name));
      steps.push({ weight: 1, write: (to) => to.bytes(absentBytes(declared, column, writeValue)) });
      continue;
    }
    const inner = { path: pathOf(place, name), isKey: primaryKey.includes(name) };
    const start = starts.get(field);
    if (start === undefined) {
      passTo(index);
      reached++;
      steps.push({ weight: weightOf(field.type), write: (to) => writeValue(to, field.type, column, inner) });
    } else {
      steps.push({
        weight: weightOf(field.type) + 1,
        write: (to) => {
          const resume = `r${to.program.variable()}`;
          to.line(`const ${resume} = p; p = s.starts[${start}];`);
          writeValue(to, field.type, column, inner);
          to.line(`p = ${resume};`);
        },
      });
    }
  }
  passTo(fields.length);
  writeSteps(code, steps);
}

function pathOf({ path }: Place, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Writes a few steps inline, and many steps as separate functions. */
function writeSteps(code: CodeWriter, steps: readonly Step[]): void {
  const total = steps.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= VALUES_PER_FUNCTION) {
    for (const { write } of steps) write(code);
    return;
  }
  let inner = new CodeWriter(code.program);
  let weight = 0;
  const end = () => {
    if (weight > 0) code.call(0, inner.finish());
    inner = new CodeWriter(code.program);
    weight = 0;
  };
  for (const step of steps) {
    if (weight + step.weight > VALUES_PER_FUNCTION) end();
    step.write(inner);
    weight += step.weight;
  }
  end();
}

/** Estimates the number of values in a type's code. Large records become separate functions. */
function weightOf(type: WriterType): number {
  switch (type.kind) {
    case 'union':
      return splitUnion(type).values.reduce((sum, branch) => sum + weightOf(branch.type), 1);
    case 'array':
      return 2 + weightOf(type.items);
    case 'map':
      return 3 + weightOf(type.values);
    case 'record': {
      if (type.isRecursive) return 1;
      const total = type.fields.reduce((sum, field) => sum + weightOf(field.type), 1);
      return Math.min(total, VALUES_PER_FUNCTION);
    }
    default:
      return 1;
  }
}

function passOver(code: CodeWriter, { type }: WriterField, start: number, path: string): void {
  const field = code.program.field(path);
  code.line(`s.starts[${start}] = p;`);
  switch (type.kind) {
    case 'int':
    case 'long':
    case 'date':
    case 'timestamp':
      code.readLong(field, 'readLong');
      return;
    case 'string':
      code.readLength(field);
      code.line('p += n;');
      return;
    default: {
      const convert = code.program.converter((at) => at.passOver(() => skip(type, at)));
      code.line(code.readBy(field, `${convert}(s)`));
    }
  }
}
