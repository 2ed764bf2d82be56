import type { MessageLine, ShownBytes } from '../../api/messages.ts';
import { Badge } from '../shared/badge.tsx';
import { bytesText, numberText } from '../shared/format.ts';
import { Time } from '../shared/time.tsx';

interface CardProps {
  readonly message: MessageLine;
  readonly isOpen: boolean;
}

/** One message; its summary opens the record. */
export function MessageCard({ message, isOpen }: CardProps) {
  const { partition, offset, timeMs, key, bytes, isTombstone, undecoded } = message;
  return (
    <details class="card message" open={isOpen}>
      <summary>
        <span class="place number">
          {partition} / {numberText(offset)}
        </span>
        <span class="mono key">
          {key === null ? <span class="quiet">no key</span> : <Bytes shown={key} />}
        </span>
        {isTombstone && <Badge tone="warn">delete</Badge>}
        {undecoded !== null && <Badge tone="bad">not decoded</Badge>}
        <span class="quiet when">
          <Time ms={timeMs} /> · {bytesText(bytes)}
        </span>
      </summary>
      <Content message={message} />
    </details>
  );
}

function Content({
  message: { isTombstone, schemaId, record, undecoded, headers },
}: {
  readonly message: MessageLine;
}) {
  return (
    <div class="message-body">
      <p class="quiet">
        {schemaId === null ? 'No schema id' : `Schema id ${schemaId}`}
        {headers.length === 0 && ', no headers'}
      </p>
      {headers.length > 0 && (
        <dl class="headers">
          {headers.map(({ name, value }, at) => (
            <div key={at}>
              <dt>{name}</dt>
              <dd class="mono">
                <Bytes shown={value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {isTombstone && <p>A tombstone: its value is null, which deletes the record with this key.</p>}
      {record !== null && (
        <>
          <pre tabIndex={0} aria-label="Record">
            {record.text}
          </pre>
          {record.isCut && <p class="quiet">The record is large, so only its start is shown.</p>}
        </>
      )}
      {undecoded !== null && (
        <>
          <p>{undecoded.why}</p>
          <pre class="hex" tabIndex={0} aria-label="Bytes of the value">
            {undecoded.value.text}
            {undecoded.value.isCut && '…'}
          </pre>
        </>
      )}
    </div>
  );
}

function Bytes({ shown: { text, isHex, isCut } }: { readonly shown: ShownBytes }) {
  return (
    <span title={isHex ? 'Bytes as hexadecimal digits' : undefined}>
      {isHex && '0x'}
      {text}
      {isCut && '…'}
    </span>
  );
}
