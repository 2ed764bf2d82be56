import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  completionStatus,
  startCompletion,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { SQLDialect, sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  drawSelection,
  EditorView,
  keymap,
  lineNumbers,
  type DecorationSet,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { SqlNames } from '../../../api/sql.ts';
import { suggestionsFor } from './suggestions.ts';

export interface Editor {
  readonly text: () => string;
  readonly setText: (text: string) => void;
  /** Marks the word at an index until the text changes; undefined removes the mark. */
  readonly mark: (index: number | undefined) => void;
  readonly focus: () => void;
  readonly remove: () => void;
}

interface EditorOptions {
  readonly text: string;
  readonly names: () => SqlNames | undefined;
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
  /** Called on Escape, unless it closes the list of completions. */
  readonly onLeave: () => void;
}

const keywords =
  'select from where prewhere group by order limit offset having with union all distinct intersect except join left right inner full cross array asof on using as and or not in like ilike between is null case when then else end asc desc interval over partition rows range unbounded preceding following current row final sample format describe show explain exists totals qualify true false';
const types =
  'int8 int16 int32 int64 int128 int256 uint8 uint16 uint32 uint64 float32 float64 decimal fixedstring date32 datetime datetime64 bool nullable tuple map nested lowcardinality';

const dialect = SQLDialect.define({
  keywords,
  types,
  backslashEscapes: true,
  identifierQuotes: '`"',
  hashComments: true,
});

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '550' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warn)' },
  { tag: [tags.lineComment, tags.blockComment], color: 'var(--muted)', fontStyle: 'italic' },
  { tag: tags.typeName, color: 'var(--warn)' },
]);

const setMark = StateEffect.define<number | undefined>();
const wrong = Decoration.mark({ class: 'sql-wrong' });

/** The mark on the word at which an error was reported. A change to the text removes it. */
const markField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (marks, { docChanged, effects, state }) => {
    const mark = effects.find((effect) => effect.is(setMark));
    if (mark === undefined) return docChanged ? Decoration.none : marks;
    if (mark.value === undefined || state.doc.length === 0) return Decoration.none;
    const from = Math.min(mark.value, state.doc.length - 1);
    const word = /^\w+/.exec(state.sliceDoc(from, from + 100))?.[0].length ?? 1;
    return Decoration.set(wrong.range(from, Math.min(state.doc.length, from + word)));
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function createEditor(parent: HTMLElement, options: EditorOptions): Editor {
  const { text, names, onChange, onRun, onLeave } = options;
  const nonce = document.querySelector('meta[name="style-nonce"]')?.getAttribute('content') ?? '';
  const run = () => {
    onRun();
    return true;
  };
  const leave = (view: EditorView) => {
    // The first Escape closes the list of completions.
    if (completionStatus(view.state) !== null) return false;
    onLeave();
    return true;
  };
  const view = new EditorView({
    parent,
    doc: text,
    extensions: [
      EditorView.cspNonce.of(nonce),
      Prec.highest(
        keymap.of([
          { key: 'Mod-Enter', run },
          { key: 'Escape', run: leave },
          // Without a completion, Tab moves the focus.
          { key: 'Tab', run: acceptCompletion },
          { key: 'Mod-i', run: startCompletion },
        ]),
      ),
      keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
      lineNumbers(),
      history(),
      drawSelection(),
      closeBrackets(),
      bracketMatching(),
      EditorState.tabSize.of(2),
      EditorView.lineWrapping,
      sql({ dialect }),
      syntaxHighlighting(colors),
      markField,
      autocompletion({
        override: [(context) => complete(context, names())],
        icons: false,
        maxRenderedOptions: 60,
      }),
      EditorView.contentAttributes.of({ 'aria-label': 'SQL query', spellcheck: 'false' }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
    ],
  });
  return {
    text: () => view.state.doc.toString(),
    setText: (next) =>
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: next },
        selection: { anchor: 0 },
      }),
    mark: (index) => view.dispatch({ effects: setMark.of(index) }),
    focus: () => view.focus(),
    remove: () => view.destroy(),
  };
}

const boosts = { column: 3, table: 2, keyword: 1, function: 0 } as const;

function complete(context: CompletionContext, names: SqlNames | undefined): CompletionResult | null {
  if (names === undefined) return null;
  const text = context.state.doc.toString();
  const found = suggestionsFor(names, text, text.slice(0, context.pos));
  if (found === undefined) return null;
  return {
    from: found.from,
    validFor: /^\w*$/,
    options: found.list.map(({ label, kind, detail, about }) => ({
      label,
      type: kind,
      boost: boosts[kind],
      detail: detail.length > 40 ? `${detail.slice(0, 39)}…` : detail,
      ...(about !== '' && { info: about }),
    })),
  };
}
