import type { About } from '../../api/about.ts';
import type { Routes } from '../context.ts';

export const addAbout: Routes = (app, { settings }) => {
  const { topicPrefix, clickhouse, kafka } = settings;
  const about: About = {
    topicPrefix,
    database: clickhouse.database,
    kafka: kafka.brokers.join(','),
    clickhouse: clickhouse.url,
  };
  app.get('/api/about', () => about);
};
