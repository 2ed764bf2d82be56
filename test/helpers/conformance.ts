import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Message } from 'kafkajs';
import { createClickHouse, literal, qualified, quoted } from '../../core/clickhouse.ts';
import type { Settings } from '../../core/config.ts';
import { connectAdmin } from '../../core/kafka.ts';
import { isJsonObject, jsonText, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { deadLettersTopic, storageTableOf, subjectOf, topicOf, viewOf } from '../../core/stream-name.ts';
import { avscType, namesOf, type SchemaObject } from '../fixtures/avro-schemas.ts';
import { avroValue, bytesIn } from '../fixtures/avro-values.ts';
import type { ExpectedLetter, Place, Script, Step } from '../fixtures/conformance-script.ts';
import { exactRowsOf, exactValue } from './exact-rows.ts';
import { sinkStreams } from './pipeline.ts';
import { command } from './plans-table.ts';
import { readTopic } from './read-topic.ts';
import { noSignal } from './settings.ts';
import { createProducer, createTopics } from './topic.ts';

