import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.Properties;
import java.util.Scanner;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes messages with the Java client. `send BROKERS TOPIC` sends one message for each line of
 * standard input: codec, partition, key and value, the last two in Base64 (`-` for null). `batches`
 * prints a batch of 1,000 records in Base64 for each codec, as in test/fixtures/java-batches.json.
 */
public class JavaProducer {
  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("batches")) batches();
    else send(arguments[1], arguments[2]);
  }

  private static void batches() {
    System.out.println("{");
    String[] codecs = {"gzip", "snappy", "lz4", "zstd"};
    for (String codec : codecs) {
      SimpleRecord[] records = new SimpleRecord[1000];
      for (int i = 0; i < records.length; i++)
        records[i] = new SimpleRecord(1700000000000L + i, ("key " + i).getBytes(), ("value ".repeat(20) + i).getBytes());
      ByteBuffer buffer = MemoryRecords.withRecords(7L, Compression.of(CompressionType.forName(codec)).build(), records).buffer();
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      String end = codec.equals("zstd") ? "" : ",";
      System.out.println("  \"" + codec + "\": \"" + Base64.getEncoder().encodeToString(bytes) + "\"" + end);
    }
    System.out.println("}");
  }

  private static void send(String brokers, String topic) throws Exception {
    Scanner lines = new Scanner(System.in);
    KafkaProducer<byte[], byte[]> producer = null;
    String before = "";
    while (lines.hasNextLine()) {
      String[] fields = lines.nextLine().split(" ");
      if (!fields[0].equals(before)) {
        if (producer != null) producer.close();
        producer = create(brokers, fields[0]);
        before = fields[0];
      }
      producer.send(new ProducerRecord<>(topic, Integer.valueOf(fields[1]), decoded(fields[2]), decoded(fields[3])));
    }
    if (producer != null) producer.close();
  }

  private static KafkaProducer<byte[], byte[]> create(String brokers, String codec) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    properties.put("compression.type", codec);
    properties.put("linger.ms", "200");
    properties.put("key.serializer", ByteArraySerializer.class);
    properties.put("value.serializer", ByteArraySerializer.class);
    return new KafkaProducer<>(properties);
  }

  private static byte[] decoded(String text) {
    return text.equals("-") ? null : Base64.getDecoder().decode(text);
  }
}
