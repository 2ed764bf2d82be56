export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A part of the work, with its start and end. */
export interface Span {
  set(attributes: Attributes): void;
  /** Marks the span as failed. A span also fails if its work throws. */
  fail(error: unknown): void;
}

/** Records spans. A span that starts within the work of another span is its child. */
export interface Tracer {
  run<T>(name: string, attributes: Attributes, work: (span: Span) => Promise<T>): Promise<T>;
}

const noSpan: Span = { set: () => {}, fail: () => {} };

let current: Tracer | undefined;

/** Sets the tracer of the process. Without one, nothing is recorded. */
export function useTracer(tracer: Tracer | undefined): void {
  current = tracer;
}

/** Runs work within a span. Use few names: variable parts belong in the attributes. */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return current === undefined ? work(noSpan) : current.run(name, attributes, work);
}
