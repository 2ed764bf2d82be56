import { hrefOf } from '../shell/route.ts';
import { numberText } from './format.ts';

/** A count with separators; `–` for null (it does not exist), `?` for undefined (it is unknown). */
export function Count({ value }: { readonly value: number | null | undefined }) {
  if (value === undefined) return <span title="The service did not respond">?</span>;
  if (value === null) return <span class="quiet">–</span>;
  return <span class={value === 0 ? 'number quiet' : 'number'}>{numberText(value)}</span>;
}

interface DeadLetterCountProps {
  readonly stream: string;
  readonly count: number | undefined;
}

/** The number of a stream's dead letters; a link to them if there are any. */
export function DeadLetterCount({ stream, count }: DeadLetterCountProps) {
  if (count === undefined || count === 0) return <Count value={count} />;
  return (
    <a class="number dead" href={hrefOf('dead-letters', '', { stream })}>
      {numberText(count)}
    </a>
  );
}
