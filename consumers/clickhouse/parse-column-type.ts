import { scalarTypes, type Column, type ColumnType } from './column-type.ts';

/**
 * Parses a type as `system.columns` prints it: `Array(Tuple(a Nullable(String), b Int64))`.
 * Undefined for a type that the sink never creates: a column that somebody else added.
 */
export function parseColumnType(text: string): ColumnType | undefined {
  const tokens = text.match(/`(?:[^`\\]|\\.)*`|DateTime64\(3, 'UTC'\)|[A-Za-z0-9_]+|[(),]/g) ?? [];
  let position = 0;
  const take = () => tokens[position++] ?? '';
  const skip = (expected: string) => take() === expected;

  function type(isNullable = false): ColumnType | undefined {
    const name = take();
    if (name === 'Nullable' && !isNullable) return wrapped(() => type(true));
    if (isNullable) return scalar(name, true);
    if (name === 'Array') {
      const item = wrapped(() => type());
      return item && { kind: 'array', item };
    }
    if (name === 'Tuple') {
      const members = wrapped(tupleMembers);
      return members && { kind: 'tuple', members };
    }
    return scalar(name, false);
  }

  function scalar(text: string, isNullable: boolean): ColumnType | undefined {
    const name = scalarTypes.find((candidate) => candidate === text);
    return name && { kind: 'scalar', name, isNullable };
  }

  function wrapped<T>(inner: () => T | undefined): T | undefined {
    if (!skip('(')) return undefined;
    const result = inner();
    return skip(')') ? result : undefined;
  }

  function tupleMembers(): Column[] | undefined {
    const members: Column[] = [];
    do {
      const name = take().replace(/^`|`$/g, '').replace(/\\(.)/g, '$1');
      const member = type();
      if (member === undefined) return undefined;
      members.push({ name, type: member });
    } while (tokens[position] === ',' && skip(','));
    return members;
  }

  const parsed = type();
  return position === tokens.length ? parsed : undefined;
}
