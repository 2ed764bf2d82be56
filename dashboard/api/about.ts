/** `GET /api/about`: the sources of the data that the dashboard shows. */
export interface About {
  readonly topicPrefix: string;
  readonly database: string;
  readonly kafka: string;
  readonly clickhouse: string;
}
