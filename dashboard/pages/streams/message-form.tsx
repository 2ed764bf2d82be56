import { useState } from 'preact/hooks';
import { hrefOf } from '../shell/route.ts';
import { queryOf, type MessageForm as Form } from './message-query.ts';

const ways = [
  ['newest', 'Newest'],
  ['key', 'Key'],
  ['time', 'From a time'],
  ['offset', 'Offset'],
] as const;

interface FormProps {
  readonly stream: string;
  readonly form: Form;
}

/** Lets the user choose which messages to search for. Enter submits the form. */
export function MessageForm({ stream, form }: FormProps) {
  const [{ by, value, partition }, setForm] = useState(form);
  const onSubmit = (event: Event) => {
    event.preventDefault();
    const isOffset = by === 'offset';
    const query = queryOf({
      by,
      value: value.trim(),
      partition: isOffset && partition === '' ? '0' : partition,
    });
    location.hash = hrefOf('streams', stream, query);
  };
  return (
    <form class="card message-form fields" onSubmit={onSubmit}>
      <label>
        Search by
        <select
          value={by}
          onChange={({ currentTarget }) =>
            setForm({ by: currentTarget.value as Form['by'], value: '', partition })
          }
        >
          {ways.map(([way, name]) => (
            <option key={way} value={way}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {by !== 'newest' && (
        <label class="grows">
          {by === 'key' ? 'Message key' : by === 'time' ? 'Time' : 'Offset'}
          <ValueInput by={by} value={value} onValue={(text) => setForm({ by, value: text, partition })} />
        </label>
      )}
      <label>
        Partition
        <input
          class="short"
          type="text"
          inputMode="numeric"
          pattern="[0-9]{0,9}"
          title="A whole number of at least 0"
          placeholder={by === 'offset' ? '0' : 'all'}
          autoComplete="off"
          value={partition}
          onInput={({ currentTarget }) => setForm({ by, value, partition: currentTarget.value })}
        />
      </label>
      <button type="submit" class="button main">
        Search
      </button>
    </form>
  );
}

interface ValueProps {
  readonly by: Exclude<Form['by'], 'newest'>;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

function ValueInput({ by, value, onValue }: ValueProps) {
  const shared = {
    required: true,
    autoComplete: 'off',
    value,
    onInput: ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) =>
      onValue(currentTarget.value),
  };
  if (by === 'time') return <input type="datetime-local" step={1} {...shared} />;
  if (by === 'key') return <input type="text" {...shared} />;
  return (
    <input
      type="text"
      inputMode="numeric"
      pattern="[0-9]{1,18}"
      title="A whole number of at least 0"
      {...shared}
    />
  );
}
