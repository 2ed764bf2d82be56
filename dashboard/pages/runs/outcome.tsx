import type { RunOutcome } from '../../api/runs.ts';
import { Badge, type Tone } from '../shared/badge.tsx';

const tones: Readonly<Record<RunOutcome, Tone>> = {
  done: 'good',
  failed: 'bad',
  stopped: 'warn',
  absent: 'plain',
};

const titles: Readonly<Record<RunOutcome, string>> = {
  done: 'Every record was read',
  failed: 'A stream failed',
  stopped: 'A signal ended the run',
  absent: 'The account lacks the stream',
};

export function Outcome({ outcome }: { readonly outcome: RunOutcome }) {
  return (
    <span title={titles[outcome]}>
      <Badge tone={tones[outcome]}>{outcome}</Badge>
    </span>
  );
}
