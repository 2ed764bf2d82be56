import { useEffect, useState } from 'preact/hooks';
import type { MessageAnswer } from '../../api/messages.ts';
import { call } from '../shared/call.ts';
import { numberText, several } from '../shared/format.ts';
import { EmptyState, ErrorState, Skeleton } from '../shared/states.tsx';
import { MessageCard } from './message-card.tsx';
import { MessageForm } from './message-form.tsx';
import { formOf, pathOf, type MessageForm as Form } from './message-query.ts';

/** Longer than the server's time limit for a search. */
const DEADLINE_MS = 60_000;

interface TabProps {
  readonly stream: string;
  readonly query: URLSearchParams;
}

/** The message browser. */
export function MessagesTab({ stream, query }: TabProps) {
  const form = formOf(query);
  const address = JSON.stringify(form);
  return (
    <>
      <MessageForm key={`form ${address}`} stream={stream} form={form} />
      <Messages key={address} stream={stream} form={form} />
    </>
  );
}

interface Found {
  /** The response to the search, then one for each continuation. */
  readonly answers: readonly MessageAnswer[];
  readonly isLoading: boolean;
  readonly error?: Error;
}

function Messages({ stream, form }: { readonly stream: string; readonly form: Form }) {
  const isReady = form.by === 'newest' || form.value !== '';
  const [found, setFound] = useState<Found>({ answers: [], isLoading: isReady });
  const load = async (answers: readonly MessageAnswer[], signal?: AbortSignal) => {
    setFound({ answers, isLoading: true });
    try {
      const path = pathOf(stream, form, answers.at(-1)?.next);
      const answer = await call<MessageAnswer>(path, { deadlineMs: DEADLINE_MS, ...(signal && { signal }) });
      setFound({ answers: [...answers, answer], isLoading: false });
    } catch (error) {
      if (signal?.aborted !== true) setFound({ answers, isLoading: false, error: error as Error });
    }
  };
  useEffect(() => {
    if (!isReady) return undefined;
    const controller = new AbortController();
    void load([], controller.signal);
    return () => controller.abort();
  }, []);
  const { answers, isLoading, error } = found;
  const messages = answers.flatMap((answer) => answer.messages);
  const last = answers.at(-1);
  return (
    <>
      {error !== undefined && <ErrorState error={error} onRetry={() => void load(answers)} />}
      {isLoading && answers.length === 0 && <Skeleton lines={8} />}
      {last !== undefined && (
        <>
          <p class="searched" role="status">
            {summaryOf(answers)}
          </p>
          {messages.length === 0 && last.next === undefined && (
            <EmptyState title="No messages">{emptyReason(form)}</EmptyState>
          )}
          <ol class="messages">
            {messages.map((message) => (
              <li key={`${message.partition}/${message.offset}`}>
                <MessageCard message={message} isOpen={messages.length === 1} />
              </li>
            ))}
          </ol>
          {last.next !== undefined && (
            <p class="more">
              <button type="button" class="button" disabled={isLoading} onClick={() => void load(answers)}>
                {isLoading
                  ? 'Searching…'
                  : last.order === 'newest first'
                    ? 'Search further back'
                    : 'Search further'}
              </button>
            </p>
          )}
        </>
      )}
    </>
  );
}

const gaps = {
  marker: 'This offset contains a transaction marker, not a message.',
  aborted: 'This offset contains a message of an aborted transaction.',
  compacted: 'Compaction removed the message at this offset.',
  'before the start': 'This offset is before the start of the partition.',
} as const;

/** Returns what is shown, and how much is left to search. */
function summaryOf(answers: readonly MessageAnswer[]): string {
  const last = answers.at(-1);
  const first = answers[0];
  if (last === undefined || first === undefined) return '';
  const messages = answers.reduce((sum, answer) => sum + answer.messages.length, 0);
  const scanned = answers.reduce((sum, answer) => sum + answer.scanned, 0);
  const left = last.partitions.reduce(
    (sum, { start, end, from, to }) => sum + (last.order === 'newest first' ? from - start : end - to),
    0,
  );
  const rest =
    last.next === undefined ? 'No offsets left to search' : `${several(left, 'offset')} left to search`;
  const next = messages === 0 ? '' : 'The next message is shown below. ';
  const gap = first.gap === undefined ? '' : `${gaps[first.gap]} ${next}`;
  return `${gap}Showing ${numberText(messages)} of ${several(scanned, 'message')} read, ${last.order}. ${rest}.`;
}

function emptyReason({ by, partition }: Form): string {
  if (by !== 'newest') return 'Search for another key, time or offset.';
  return `The ${partition === '' ? 'topic' : 'partition'} contains no messages.`;
}
