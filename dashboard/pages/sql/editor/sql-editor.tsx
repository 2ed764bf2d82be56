import { useEffect, useRef, useState } from 'preact/hooks';
import type { SqlNames } from '../../../api/sql.ts';
import { Skeleton } from '../../shared/states.tsx';
import type { Editor } from './create-editor.ts';

interface SqlEditorProps {
  readonly text: string;
  /**
   * A new object replaces the text. Do not pass the user's own edits back: a late update would
   * overwrite newer typing.
   */
  readonly loaded: { readonly text: string };
  readonly names: SqlNames | undefined;
  /** The index of the error in the text. */
  readonly faultAt: number | undefined;
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
  readonly onLeave: () => void;
}

/**
 * The editor, whose code is loaded separately. If it cannot be loaded, the query is edited as plain
 * text.
 */
export function SqlEditor({ text, loaded, names, faultAt, onChange, onRun, onLeave }: SqlEditorProps) {
  const frame = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const [hasFailed, setFailed] = useState(false);
  const [isReady, setReady] = useState(false);
  // The editor outlives a render, so its callbacks read the latest props from a ref.
  const latest = useRef({ names, onChange, onRun, onLeave, text });
  latest.current = { names, onChange, onRun, onLeave, text };
  useEffect(() => {
    let isGone = false;
    import('./create-editor.ts').then(
      ({ createEditor }) => {
        if (isGone || frame.current === null) return;
        editor.current = createEditor(frame.current, {
          text: latest.current.text,
          names: () => latest.current.names,
          onChange: (next) => latest.current.onChange(next),
          onRun: () => latest.current.onRun(),
          onLeave: () => latest.current.onLeave(),
        });
        setReady(true);
      },
      () => setFailed(true),
    );
    return () => {
      isGone = true;
      editor.current?.remove();
      editor.current = undefined;
    };
  }, []);
  useEffect(() => {
    if (editor.current?.text() !== loaded.text) editor.current?.setText(loaded.text);
  }, [loaded]);
  useEffect(() => editor.current?.mark(faultAt), [faultAt, isReady]);
  if (hasFailed)
    return (
      <textarea
        class="sql-plain"
        aria-label="SQL query"
        value={text}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    );
  return (
    <div class="sql-editor" ref={frame}>
      {!isReady && <Skeleton lines={4} />}
    </div>
  );
}
