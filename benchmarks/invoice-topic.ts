import { randomUUID } from 'node:crypto';
import type { Message } from 'kafkajs';
import { Registry } from '../core/avro/registry.ts';
import type { StreamSchema } from '../core/avro/schema.ts';
import { framed } from '../core/avro/wire-format.ts';
import { ByteWriter } from '../core/avro/byte-writer.ts';
import type { Settings } from '../core/settings/config.ts';
import { KafkaAdmin } from '../core/kafka/admin.ts';
import { subjectOf, topicOf } from '../core/stream-name.ts';
import { fillTopic } from './fill-topic.ts';

export const invoiceStream = 'bench_invoices';

export const LINE_ITEMS = 2;

const MESSAGES_PER_SEND = 2_000;
const SENDS_AT_A_TIME = 3;

const instant = { type: 'long', logicalType: 'timestamp-millis' } as const;

/**
 * Has the size and shape of an invoice: seven scalar fields, two of them nullable, and two line
 * items with three fields each.
 */
const invoiceSchema: StreamSchema = {
  type: 'record',
  name: 'BenchInvoice',
  primaryKey: ['uuid'],
  fields: [
    { name: 'uuid', type: 'string' },
    { name: 'number', type: 'long' },
    { name: 'date', type: instant },
    { name: 'currency', type: 'string' },
    { name: 'amount_in_cents', type: 'long' },
    { name: 'due_date', type: ['null', instant] },
    { name: 'coupon', type: ['null', 'string'] },
    {
      name: 'line_items',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'BenchLineItem',
          fields: [
            { name: 'plan', type: 'string' },
            { name: 'quantity', type: 'long' },
            { name: 'amount_in_cents', type: 'long' },
          ],
        },
      },
    },
  ],
};

export class InvoiceEncoder {
  readonly #schemaId: number;
  readonly #out = new ByteWriter();

  constructor(schemaId: number) {
    this.#schemaId = schemaId;
  }

  message(number: number, dateMs: number): Message {
    const out = this.#out;
    const uuid = randomUUID();
    out.truncate(0);
    out.avroString(uuid);
    out.zigZag(number);
    out.zigZag(dateMs);
    out.avroString(number % 3 === 0 ? 'EUR' : 'USD');
    out.zigZag((number * 7) % 8_000);
    // A quarter of the invoices have a due date, and another quarter have a coupon.
    const hasDueDate = number % 4 === 0;
    out.byte(hasDueDate ? 2 : 0);
    if (hasDueDate) out.zigZag(dateMs + 30 * 86_400_000);
    const hasCoupon = number % 4 === 1;
    out.byte(hasCoupon ? 2 : 0);
    if (hasCoupon) out.avroString('SPRING');
    out.zigZag(LINE_ITEMS);
    this.#lineItem('gold', 1, (number * 7) % 4_000);
    this.#lineItem('seat', number % 50, number % 100);
    out.zigZag(0);
    return { key: uuid, value: framed(this.#schemaId, out) };
  }

  #lineItem(plan: string, quantity: number, amountInCents: number): void {
    this.#out.avroString(plan);
    this.#out.zigZag(quantity);
    this.#out.zigZag(amountInCents);
  }
}

export async function createInvoiceTopic(settings: Settings, signal: AbortSignal): Promise<InvoiceEncoder> {
  const admin = await KafkaAdmin.connect(settings.kafka, 'bench', signal);
  await admin.ensureTopics([topicOf(settings.topicPrefix, invoiceStream)]);
  await admin.close();
  const registry = new Registry(settings.schemaRegistry, signal);
  const subject = subjectOf(settings.topicPrefix, invoiceStream);
  return new InvoiceEncoder(await registry.register(subject, invoiceSchema));
}

/** Sends the invoices `from` to `to` - 1, and returns the mean size of their values in bytes. */
export async function fillInvoiceTopic(
  settings: Settings,
  encoder: InvoiceEncoder,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<number> {
  const filling = { from, to, perSend: MESSAGES_PER_SEND, sendsAtATime: SENDS_AT_A_TIME };
  let bytes = 0;
  const messageOf = (number: number) => {
    const message = encoder.message(number, FIRST_DATE_MS + number * 1_000);
    bytes += message.value?.length ?? 0;
    return message;
  };
  await fillTopic(settings, topicOf(settings.topicPrefix, invoiceStream), filling, messageOf, signal);
  return bytes / (to - from);
}

const FIRST_DATE_MS = Date.UTC(2020, 0, 1);
