import { z } from 'zod';
import { withConnections, type Connections } from '../../core/connections.ts';
import { deadLetterSteps, type StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { several } from '../../core/terminal/amounts.ts';
import { parseIdPrefix } from '../../operations/dead-letters/choose.ts';
import { listDeadLetters, showDeadLetter } from '../../operations/dead-letters/dead-letters.ts';
import { headerTexts, stateText } from '../../operations/dead-letters/text.ts';
import { fitting, isoTime, jsonLine, shortened } from '../limits.ts';
import { streamName } from './streams.ts';
import type { AddTools, ToolCall } from './tools.ts';

const MAX_RECORD = 20_000;
const MAX_HEX_BYTES = 512;

const fields = {
  id: z.string(),
  stream: z.string(),
  step: z.enum(deadLetterSteps).describe('produce rejects records from ChartMogul; sink rejects messages'),
  code: z.string(),
  reason: z.string(),
  state: z.string().describe('pending, redriven or discarded'),
  rejectedAt: z.string().nullable(),
  recordKey: z.string().nullable(),
};

export const addDeadLetterTools: AddTools = (tools) => {
  const { settings } = tools.context;
  const withKafka = <T>({ signal }: ToolCall, work: (services: Connections<'admin'>) => Promise<T>) =>
    withConnections(settings, { name: 'mcp', needs: ['admin'] }, signal, work);
  tools.add(
    'list_dead_letters',
    {
      title: 'List dead letters',
      description:
        'Lists records and messages that the producer or the sink rejected, newest first, with the code and the reason.',
      input: {
        stream: streamName.optional(),
        includeSettled: z.boolean().default(false).describe('includes redriven and discarded dead letters'),
        limit: z.number().int().min(1).max(200).default(50),
      },
      hasValues: true,
      output: { total: z.number(), deadLetters: z.array(z.object(fields)), isCut: z.boolean() },
    },
    async ({ stream, includeSettled, limit }, call) => {
      const filter = {
        includesSettled: includeSettled,
        ...(stream !== undefined && { streams: [stream] }),
      };
      const { deadLetters } = await withKafka(call, (services) => listDeadLetters(services, filter));
      const { items, isCut } = fitting(deadLetters.map(lineOf), limit);
      const cut = isCut ? `, of which ${items.length} are shown` : '';
      return {
        text: `${several(deadLetters.length, 'dead letter')}${cut}. \`npm run dead-letters\` redrives or discards them.`,
        values: items.map(textOf),
        data: { total: deadLetters.length, deadLetters: [...items], isCut },
      };
    },
  );
  tools.add(
    'get_dead_letter',
    {
      title: 'Get one dead letter',
      description:
        'Returns one dead letter with its headers and its value, decoded where possible. Only the user can run the commands that redrive or discard it.',
      input: { id: z.string().min(4).max(64).describe('the id, or its first digits') },
      hasValues: true,
      output: {
        ...fields,
        bytes: z.number(),
        attempts: z.number(),
        headers: z.record(z.string(), z.string()),
        record: z.string().nullable().describe('the value as JSON text; shortened if it is long'),
        undecoded: z.object({ why: z.string(), hex: z.string() }).nullable(),
      },
    },
    async ({ id }, call) => {
      const prefix = parseIdPrefix(id);
      const found = await withKafka(call, (services) => showDeadLetter(services, prefix));
      const { deadLetter, value, content } = found;
      const line = lineOf(deadLetter);
      const texts = Object.entries(headerTexts(deadLetter)).slice(0, 50);
      const headers = Object.fromEntries(texts.map(([name, text]) => [name, shortened(text, 1_000)]));
      const record = 'record' in content ? shortened(content.record, MAX_RECORD) : null;
      const hex = value.subarray(0, MAX_HEX_BYTES).toString('hex');
      const undecoded = 'record' in content ? null : { why: content.why, hex };
      const { bytes, attempts } = deadLetter;
      return {
        text: `Dead letter ${line.id.slice(0, 16)} of ${line.stream}: ${line.code}.`,
        values: [textOf(line), jsonLine(headers), record ?? `${undecoded?.why ?? ''}\n${hex}`],
        data: { ...line, bytes, attempts, headers, record, undecoded },
      };
    },
  );
};

type Line = z.output<z.ZodObject<typeof fields>>;

function lineOf({ id, stream, step, code, reason, state, rejectedAtMs, recordKey }: StoredDeadLetter): Line {
  return {
    ...{ id, stream, step, code, state: stateText(state) },
    reason: shortened(reason, 1_000),
    rejectedAt: isoTime(rejectedAtMs),
    recordKey: recordKey === undefined ? null : shortened(recordKey, 500),
  };
}

function textOf({ id, stream, step, code, reason, state, rejectedAt }: Line): string {
  return `${id.slice(0, 16)} ${stream}, ${step}, ${state}, ${rejectedAt ?? ''}: ${code}: ${jsonLine(reason)}`;
}
