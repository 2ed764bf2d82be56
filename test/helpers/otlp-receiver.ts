import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

export interface ReceivedSpan {
  readonly trace: string;
  readonly id: string;
  /** The parent's span id; empty for a root span. */
  readonly parent: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly isFailed: boolean;
}

export interface ReceivedMetric {
  readonly name: string;
  readonly kind: 'gauge' | 'sum' | 'other';
  readonly points: readonly {
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
  }[];
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** The latest export of each metric, by name. */
  readonly metrics: Map<string, ReceivedMetric>;
  readonly services: Set<string>;
  readonly headers: Record<string, string | string[] | undefined>[];
  requests: number;
  /** Responds to a request; by default with 200. */
  respond: (response: ServerResponse) => void;
}

/** Starts a collector for OTLP over HTTP with protobuf. */
export async function createOtlpReceiver(t: TestContext): Promise<OtlpReceiver> {
  const server = createServer((request, response) => {
    receiver.requests++;
    receiver.headers.push(request.headers);
    void buffer(request).then((body) => {
      if (request.url === '/v1/traces') readTraces(body, receiver);
      else if (request.url === '/v1/metrics') readMetrics(body, receiver);
      receiver.respond(response);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    metrics: new Map(),
    services: new Set(),
    headers: [],
    requests: 0,
    respond: (response) => response.end(),
  };
  return receiver;
}

/** The values of a protobuf message by field number: varints as numbers, all others as bytes. */
type Fields = Map<number, (number | Buffer)[]>;

function parse(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const values = fields.get(tag >>> 3) ?? [];
    fields.set(tag >>> 3, values);
    const wire = tag & 7;
    if (wire === 0) values.push(varint());
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      values.push(bytes.subarray(at, at + length));
      at += length;
    }
  }
  return fields;
}

/** Returns the embedded messages in a field. */
function messages(fields: Fields, field: number): Fields[] {
  return bytesOf(fields, field).map((value) => parse(value));
}

function bytesOf(fields: Fields, field: number): Buffer[] {
  return (fields.get(field) ?? []).filter((value) => typeof value !== 'number');
}

const textOf = (fields: Fields, field: number) => bytesOf(fields, field)[0]?.toString('utf8') ?? '';
const hexOf = (fields: Fields, field: number) => bytesOf(fields, field)[0]?.toString('hex') ?? '';
const doubleOf = (fields: Fields, field: number) => bytesOf(fields, field)[0]?.readDoubleLE();

function attributesOf(fields: Fields, field: number): Record<string, string | number> {
  return Object.fromEntries(
    messages(fields, field).map((pair) => {
      const [value = new Map() as Fields] = messages(pair, 2);
      const [text] = bytesOf(value, 1);
      const number = doubleOf(value, 4) ?? Number(value.get(3)?.[0] ?? value.get(2)?.[0]);
      return [textOf(pair, 1), text?.toString('utf8') ?? number];
    }),
  );
}

function readTraces(body: Buffer, receiver: OtlpReceiver): void {
  for (const group of messages(parse(body), 1)) {
    readService(group, receiver);
    const spans = messages(group, 2).flatMap((scope) => messages(scope, 2));
    for (const span of spans)
      receiver.spans.push({
        trace: hexOf(span, 1),
        id: hexOf(span, 2),
        parent: hexOf(span, 4),
        name: textOf(span, 5),
        attributes: attributesOf(span, 9),
        isFailed: messages(span, 15)[0]?.get(3)?.[0] === 2,
      });
  }
}

function readMetrics(body: Buffer, receiver: OtlpReceiver): void {
  for (const group of messages(parse(body), 1)) {
    readService(group, receiver);
    const metrics = messages(group, 2).flatMap((scope) => messages(scope, 2));
    for (const metric of metrics) {
      const kind = metric.has(5) ? 'gauge' : metric.has(7) ? 'sum' : 'other';
      const [data = new Map() as Fields] = messages(metric, kind === 'gauge' ? 5 : 7);
      const points = messages(data, 1).map((point) => ({
        labels: attributesOf(point, 7),
        value: doubleOf(point, 4) ?? Number(bytesOf(point, 6)[0]?.readBigInt64LE()),
      }));
      receiver.metrics.set(textOf(metric, 1), { name: textOf(metric, 1), kind, points });
    }
  }
}

function readService(group: Fields, receiver: OtlpReceiver): void {
  for (const resource of messages(group, 1))
    receiver.services.add(String(attributesOf(resource, 1)['service.name']));
}
