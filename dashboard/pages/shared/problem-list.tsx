import type { ProblemLine } from '../../api/problem.ts';
import { hrefOf } from '../shell/route.ts';
import { capital } from './format.ts';
import { Icon } from './icon.tsx';
import { Prose } from './states.tsx';

const MAX_NAMED = 4;
const titles = { failure: 'Failure', problem: 'Problem', warning: 'Warning' } as const;

interface ProblemListProps {
  readonly problems: readonly ProblemLine[];
  /** The stream that the page is about, which is not named again. */
  readonly stream?: string;
}

/** Lists problems with their remedies, and with links to dead letters and failed runs. */
export function ProblemList({ problems, stream }: ProblemListProps) {
  return (
    <ul class="problems">
      {problems.map((problem) => (
        <Item
          key={`${problem.message} ${problem.about.join()}`}
          problem={problem}
          isNamed={problem.about.join() !== stream}
        />
      ))}
    </ul>
  );
}

interface ItemProps {
  readonly problem: ProblemLine;
  /** Whether to show the names in `about`. */
  readonly isNamed: boolean;
}

function Item({ problem, isNamed }: ItemProps) {
  const { severity, about, message, remedy } = problem;
  return (
    <li class={`problem ${severity}`}>
      <Icon name={severity === 'warning' ? 'alert' : 'error'} />
      <div>
        <p class="problem-message">
          <span class="hidden-text">{titles[severity]}: </span>
          <Prose>{sentence(message)}</Prose>
        </p>
        {isNamed && about.length > 0 && (
          <p class="problem-about">
            <Names problem={problem} />
          </p>
        )}
        {remedy !== undefined && (
          <p class="problem-remedy">
            <Prose>{sentence(remedy)}</Prose>
          </p>
        )}
      </div>
      <More problem={problem} />
    </li>
  );
}

/** Problems are about streams, which have a page; warnings are about topics, tables and views. */
function Names({ problem: { severity, about } }: { readonly problem: ProblemLine }) {
  const rest = about.length - MAX_NAMED;
  return (
    <>
      {about.slice(0, MAX_NAMED).map((name, index) => (
        <span key={name}>
          {index > 0 && ', '}
          {severity === 'problem' ? <a href={hrefOf('streams', name)}>{name}</a> : name}
        </span>
      ))}
      {rest > 0 && <span title={about.slice(MAX_NAMED).join(', ')}> and {rest} more</span>}
    </>
  );
}

function More({ problem: { kind, run, about } }: { readonly problem: ProblemLine }) {
  if (kind === 'dead-letters')
    return (
      <a
        class="button"
        href={hrefOf('dead-letters', '', about.length === 1 ? { stream: about[0] ?? '' } : {})}
      >
        Show dead letters
      </a>
    );
  if (run === undefined || location.hash === hrefOf('runs', run)) return null;
  return (
    <a class="button" href={hrefOf('runs', run)}>
      Show the run
    </a>
  );
}

/** Turns a part of one of our messages into a sentence. */
function sentence(text: string): string {
  const whole = capital(text);
  // A command on its own becomes an instruction to run it.
  if (whole.startsWith('`')) return `Run ${whole}`;
  return /[.?!`]$/.test(whole) ? whole : `${whole}.`;
}
