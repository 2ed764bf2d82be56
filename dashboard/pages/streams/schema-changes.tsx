import type { SchemaChange } from '../../api/schemas.ts';

interface Line {
  readonly sign: '+' | '−' | ' ';
  readonly text: string;
}

/** Differences as lines with their signs, so that they are readable without colour. */
export function SchemaChanges({ changes }: { readonly changes: readonly SchemaChange[] }) {
  if (changes.length === 0) return <p class="no-change quiet">The two versions are equal.</p>;
  return (
    <ul class="diff">
      {changes.flatMap((change) =>
        linesOf(change).map(({ sign, text }, at) => (
          <li key={`${change.path}/${at}/${text}`} class={classes[sign]}>
            <span class="sign" aria-hidden="true">
              {sign}
            </span>
            {sign !== ' ' && <span class="hidden-text">{sign === '+' ? 'added: ' : 'removed: '}</span>}
            {text}
          </li>
        )),
      )}
    </ul>
  );
}

const classes = { '+': 'added', '−': 'removed', ' ': 'about' } as const;

function linesOf(change: SchemaChange): readonly Line[] {
  if (change.kind !== 'changed') {
    const { type, default: value, doc } = change.field;
    const sign = change.kind === 'added' ? '+' : '−';
    const notes = [...(value === undefined ? [] : [`default ${value}`]), ...(doc === '' ? [] : [doc])];
    return [{ sign, text: `${change.path}: ${type}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}` }];
  }
  const { path, property, from, to } = change;
  return [
    { sign: ' ', text: `${path === '' ? 'the schema' : path}, ${property}` },
    ...(from === null ? [] : [{ sign: '−' as const, text: from }]),
    ...(to === null ? [] : [{ sign: '+' as const, text: to }]),
  ];
}
