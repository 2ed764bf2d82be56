import type { Attention, Overview } from '../../api/overview.ts';
import { Icon } from '../shared/icon.tsx';
import { Prose } from '../shared/states.tsx';
import { hrefOf } from '../shell/route.ts';

const MAX_NAMED = 4;
const titles = { failure: 'Failure', problem: 'Problem', warning: 'Warning' } as const;

/** Lists what needs a person, with its remedy; one calm line if nothing does. */
export function AttentionList({ overview: { attention, streams } }: { readonly overview: Overview }) {
  if (attention.length === 0) {
    if (streams.length === 0) return null;
    return (
      <p class="card in-order">
        <Icon name="done" />
        <span>
          <strong>Nothing needs attention.</strong> No failure, no dead letter, no stale or stalled stream.
        </span>
      </p>
    );
  }
  return (
    <section class="card attention" aria-labelledby="attention-title">
      <header class="card-head">
        <h2 id="attention-title">Needs attention</h2>
        <span class="quiet">{attention.length}</span>
      </header>
      <ul>
        {attention.map((item) => (
          <Item key={`${item.message} ${item.about.join()}`} item={item} />
        ))}
      </ul>
    </section>
  );
}

function Item({ item: { kind, about, message, page } }: { readonly item: Attention }) {
  return (
    <li class={`attention-item ${kind}`}>
      <Icon name={kind === 'warning' ? 'alert' : 'error'} />
      <div>
        <p class="attention-about">
          <span class="hidden-text">{titles[kind]}: </span>
          <Names kind={kind} names={about} />
        </p>
        <p>
          <Prose>{`${message.charAt(0).toUpperCase()}${message.slice(1)}`}</Prose>
        </p>
      </div>
      {page !== undefined && (
        <a class="button" href={hrefOf(page)}>
          {page === 'runs' ? 'Show runs' : 'Show dead letters'}
        </a>
      )}
    </li>
  );
}

/** Problems are about streams, which have a page; warnings are about topics, tables and views. */
function Names({ kind, names }: { readonly kind: Attention['kind']; readonly names: readonly string[] }) {
  const rest = names.length - MAX_NAMED;
  return (
    <>
      {names.slice(0, MAX_NAMED).map((name, index) => (
        <span key={name}>
          {index > 0 && ', '}
          {kind === 'problem' ? <a href={hrefOf('streams', name)}>{name}</a> : name}
        </span>
      ))}
      {rest > 0 && <span title={names.slice(MAX_NAMED).join(', ')}> and {rest} more</span>}
    </>
  );
}
