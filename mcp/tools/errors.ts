import { z } from 'zod';
import { explainError, type Explanation } from '../../operations/errors/explain.ts';
import type { AddTools } from './tools.ts';

const next: Readonly<Record<Explanation['next'], string>> = {
  retry: 'The cause may be temporary: retry.',
  record: 'One record became a dead letter; all others are processed as usual.',
  act: 'A retry does not help: act first.',
};

export const addErrorTools: AddTools = (tools) => {
  tools.add(
    'explain_error',
    {
      title: 'Explain an error',
      description:
        'Returns what an error of this pipeline means and what to do. Accepts a code such as ETL_FENCED, or the text of a message. The reference is docs/reference/errors.md.',
      input: { error: z.string().min(1).max(20_000).describe('an error code, or the text of an error') },
      output: {
        explanations: z.array(
          z.object({
            code: z.string(),
            meaning: z.string(),
            remedy: z.string(),
            next: z.string(),
            clickHouse: z.object({ code: z.string(), remedy: z.string() }).optional(),
          }),
        ),
      },
    },
    ({ error }) => {
      const explanations = explainError(error).map((one) => ({ ...one, next: next[one.next] }));
      const lines = explanations.map(({ code, meaning, remedy, next: step, clickHouse }) => {
        const server = clickHouse ? ` ClickHouse code ${clickHouse.code}: ${clickHouse.remedy}.` : '';
        return `${code}: ${meaning} ${remedy} ${step}${server}`;
      });
      const unknown =
        'No error of this pipeline has this text. docs/reference/errors.md lists all codes; the message itself ends with its remedy.';
      return Promise.resolve({
        text: lines.length === 0 ? unknown : lines.join('\n'),
        data: { explanations },
      });
    },
  );
};
