import type { Registry } from '../../core/avro/registry.ts';
import type { StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { EtlError, messageOf } from '../../core/errors.ts';
import { visibleLine } from '../../core/terminal/terminal.ts';
import { MessageDecoder } from '../messages/message-decoder.ts';
import { jsonIn } from '../messages/record-text.ts';

/** The rejected value as JSON text, or the reason why only its bytes can be shown. */
export type DeadLetterContent = { readonly record: string } | { readonly why: string };

export async function readContent(
  deadLetter: StoredDeadLetter,
  value: Buffer,
  registry: Registry,
): Promise<DeadLetterContent> {
  const { bytes, originalBytes } = deadLetter;
  if (bytes < originalBytes)
    return {
      why: `the first ${bytes} of ${originalBytes} bytes: the whole value is too large for the dead-letter topic`,
    };
  if (deadLetter.step === 'sink' && deadLetter.isDelete) return { why: 'a delete: it has no bytes' };
  try {
    const record =
      deadLetter.step === 'sink'
        ? await new MessageDecoder(registry, deadLetter.stream).jsonOf(value)
        : jsonIn(value);
    return { record };
  } catch (error) {
    if (!(error instanceof EtlError || error instanceof SyntaxError)) throw error;
    const reason = error instanceof SyntaxError ? 'it is not JSON' : visibleLine(messageOf(error));
    return { why: `shown as bytes, since it cannot be decoded: ${reason}` };
  }
}
