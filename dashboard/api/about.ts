/** `GET /api/about`: what the dashboard shows. */
export interface About {
  readonly topicPrefix: string;
  readonly database: string;
  readonly kafka: string;
  readonly clickhouse: string;
}
