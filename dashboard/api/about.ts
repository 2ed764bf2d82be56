/**
 * `GET /api/about`: the Kafka cluster, topic prefix, ClickHouse URL and database that the dashboard
 * reads.
 */
export interface About {
  readonly topicPrefix: string;
  readonly database: string;
  readonly kafka: string;
  readonly clickhouse: string;
}
