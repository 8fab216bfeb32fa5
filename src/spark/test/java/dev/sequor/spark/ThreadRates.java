package dev.sequor.spark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.apache.spark.SparkConf;
import org.apache.spark.io.CompressionCodec;
import org.apache.spark.io.CompressionCodec$;
import org.apache.spark.serializer.DeserializationStream;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.SerializationStream;
import org.apache.spark.serializer.SerializerInstance;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * What one thread does a second of the work that weights make on their way, in GB: the assumptions
 * of {@code ClusterAssumptions} come from here. Counted is the thread's own time on a core, so that
 * other programs disturb little, though they share its caches.
 */
final class ThreadRates {
  private static final int ELEMENTS = 4_000_000;
  private static final int TIMES = 15;
  private static final ClassTag<Object> ANY = ClassTag$.MODULE$.apply(Object.class);

  private final SerializerInstance serializer;
  private final CompressionCodec codec;

  private ThreadRates() {
    SparkConf settings = new SparkConf(false);
    this.serializer = new JavaSerializer(settings).newInstance();
    this.codec = CompressionCodec$.MODULE$.createCodec(settings);
  }

  @FunctionalInterface
  private interface Work {
    void run() throws IOException;
  }

  /** Lines for people, one for each kind of work. */
  static List<String> measured() throws IOException {
    ThreadRates rates = new ThreadRates();
    ShareResult sent = result();
    byte[] plain = rates.written(sent, false);
    byte[] packed = rates.written(sent, true);
    float[] floats = sent.vectors()[0];
    double[] sum = new double[ELEMENTS];
    double[] more = new double[ELEMENTS];
    Arrays.fill(more, 0.5);
    double bytes = (double) Float.BYTES * ELEMENTS;
    return List.of(
        line("serialise", bytes, () -> rates.written(sent, false)),
        line("read back", bytes, () -> rates.read(plain, false)),
        line("serialise and compress", bytes, () -> rates.written(sent, true)),
        line("decompress and read back", bytes, () -> rates.read(packed, true)),
        line("add floats to doubles, of floats", bytes, () -> addFloats(sum, floats)),
        line("add doubles to doubles, of doubles", 2 * bytes, () -> addDoubles(sum, more)));
  }

  /** Gradients as they come: no two alike, and little that a codec could save. */
  private static ShareResult result() {
    Random random = new Random(1);
    float[] values = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new ShareResult(0, new float[][] {values}, 1, 1, 1, 0, List.of(), 1, null);
  }

  private byte[] written(Object what, boolean compressed) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(5 * ELEMENTS);
    OutputStream out = compressed ? codec.compressedOutputStream(bytes) : bytes;
    SerializationStream stream = serializer.serializeStream(out);
    stream.writeObject(what, ANY);
    stream.close();
    return bytes.toByteArray();
  }

  private void read(byte[] bytes, boolean compressed) {
    InputStream in = new ByteArrayInputStream(bytes);
    DeserializationStream stream =
        serializer.deserializeStream(compressed ? codec.compressedInputStream(in) : in);
    ShareResult back = (ShareResult) stream.readObject(ANY);
    stream.close();
    if (back.vectors()[0].length != ELEMENTS) {
      throw new AssertionError("what was read has " + back.vectors()[0].length + " elements");
    }
  }

  private static void addFloats(double[] sum, float[] more) {
    double weight = 3;
    for (int i = 0; i < more.length; i++) {
      sum[i] += weight * more[i];
    }
  }

  private static void addDoubles(double[] sum, double[] more) {
    for (int i = 0; i < more.length; i++) {
      sum[i] += more[i];
    }
  }

  private static String line(String name, double bytes, Work work) throws IOException {
    ThreadMXBean clock = ManagementFactory.getThreadMXBean();
    double[] rates = new double[TIMES];
    for (int warm = 0; warm < 20; warm++) {
      work.run();
    }
    for (int i = 0; i < TIMES; i++) {
      long begun = clock.getCurrentThreadCpuTime();
      work.run();
      rates[i] = bytes / (clock.getCurrentThreadCpuTime() - begun);
    }
    Arrays.sort(rates);
    return String.format(
        Locale.ROOT,
        "%-36s %5.2f GB/s (%.2f to %.2f)",
        name,
        rates[TIMES / 2],
        rates[0],
        rates[TIMES - 1]);
  }
}
