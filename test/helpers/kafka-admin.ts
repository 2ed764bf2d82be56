import type { Admin } from 'kafkajs';
import { KafkaAdmin } from '../../core/kafka/admin.ts';
import { createKafka } from '../../core/kafka/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { noSignal } from './settings.ts';

/**
 * Connects kafkajs's own admin client, for operations that the project's client lacks, such as
 * deleting topics.
 */
export async function connectKafkajs(kafka: Settings['kafka']): Promise<Admin> {
  const admin = createKafka(kafka, 'test').admin();
  await admin.connect();
  return admin;
}

/** Connects the project's admin client. The caller closes it. */
export function connectAdmin({ kafka }: Pick<Settings, 'kafka'>): Promise<KafkaAdmin> {
  return KafkaAdmin.connect(kafka, 'test', noSignal);
}
