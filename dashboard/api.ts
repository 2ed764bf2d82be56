// The JSON of the dashboard's API, as types: the server writes it, the pages read it. Times are ms
// since 1970. Null means that something does not exist; an absent member is unknown, because its
// service did not answer. Offsets and counts are far below 2^53.

/** The body of every answer with a status of 400 or higher. */
export interface ApiError {
  readonly error: { readonly message: string; readonly remedy?: string };
}

/** `GET /api/about`: what the dashboard shows. */
export interface About {
  readonly topicPrefix: string;
  readonly database: string;
  readonly kafka: string;
  readonly clickhouse: string;
}
