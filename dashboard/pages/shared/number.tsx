import { numberText } from './format.ts';

/** A count with separators; `–` for null (it does not exist), `?` for undefined (it is unknown). */
export function Count({ value }: { readonly value: number | null | undefined }) {
  if (value === undefined) return <span title="The service did not respond">?</span>;
  if (value === null) return <span class="quiet">–</span>;
  return <span class={value === 0 ? 'number quiet' : 'number'}>{numberText(value)}</span>;
}
