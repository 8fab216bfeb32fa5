package dev.sequor.cli;

import com.google.protobuf.CodedOutputStream;
import dev.sequor.data.FileFault;
import dev.sequor.report.TrainingObserver;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import dev.sequor.report.TrainingRecord.State;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * A file of events for TensorBoard: records of TFRecord (length, checksum, message, checksum), each
 * an {@code Event} of TensorFlow's {@code event.proto}.
 */
final class EventFile implements TrainingObserver, AutoCloseable {
  // Numbers of fields: Event, Summary, Summary.Value, SummaryMetadata, PluginData, TensorProto.
  private static final int WALL_TIME = 1;
  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int VALUE = 1;
  private static final int TAG = 1;
  private static final int SIMPLE_VALUE = 2;
  private static final int TENSOR = 8;
  private static final int METADATA = 9;
  private static final int PLUGIN_DATA = 1;
  private static final int PLUGIN_NAME = 1;
  private static final int DATA_TYPE = 1;
  private static final int SHAPE = 2;
  private static final int STRING_VALUE = 8;
  private static final int DATA_TYPE_STRING = 7;

  /** That of a checksum that lies among what it is of, as TFRecord has it. */
  private static final int MASK = 0xa282ead8;

  private final RunOutput output;
  private final TrainingRecord.Subject subject;

  private EventFile(RunOutput output, TrainingRecord.Subject subject) {
    this.output = output;
    this.subject = subject;
  }

  /**
   * Refuses what can be no folder for it, before anything else is done.
   *
   * @throws IllegalArgumentException naming it and what was needed
   */
  static void check(Path folder) {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IllegalArgumentException(
          "--tensorboard is " + folder + ", which is a file; needed a folder");
    }
    Path there = folder.toAbsolutePath().normalize();
    while (there != null && !Files.exists(there)) {
      there = there.getParent();
    }
    if (there == null || !Files.isDirectory(there) || !Files.isWritable(there)) {
      throw new IllegalArgumentException(
          "--tensorboard is " + folder + "; needed a folder that can be written to");
    }
  }

  /**
   * Begins a new file in {@code folder}, which is made if need be; TensorBoard reads all that are
   * there as one.
   *
   * @throws IllegalArgumentException if it cannot be written
   */
  static EventFile create(Path folder, TrainingRecord.Subject subject) {
    try {
      if (!Files.isDirectory(folder)) {
        Files.createDirectories(folder);
      }
      long seconds = System.currentTimeMillis() / 1000;
      for (int number = 0; ; number++) {
        Path file =
            folder.resolve(
                String.format(
                    Locale.ROOT,
                    "events.out.tfevents.%010d.sequor.%d.%d",
                    seconds,
                    ProcessHandle.current().pid(),
                    number));
        try {
          OutputStream out =
              Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
          RunOutput output = new RunOutput("--tensorboard", file, new BufferedOutputStream(out));
          EventFile events = new EventFile(output, subject);
          events.begin();
          return events;
        } catch (FileAlreadyExistsException e) {
          // Of another training of this process: the next number.
        }
      }
    } catch (IOException e) {
      throw new IllegalArgumentException("--tensorboard " + FileFault.describe(folder, e), e);
    }
  }

  private void begin() throws IOException {
    add(0, event -> event.writeString(FILE_VERSION, "brain.Event:2"));
    flush();
    output.requireWhole();
  }

  // ---- what the training says -------------------------------------------------------------------

  @Override
  public void progressed(Point point) {
    add(
        point.step(),
        event ->
            event.writeByteArray(
                SUMMARY,
                message(
                    summary -> {
                      scalar(summary, "loss/train", point.loss());
                      scalar(summary, "learning_rate", point.learningRate());
                      scalar(summary, "gradient_norm", point.gradientNorm());
                      scalar(summary, subject.elements() + "_per_second", point.perSecond());
                    })));
  }

  @Override
  public void judged(Judgement judgement) {
    add(
        judgement.step(),
        event ->
            event.writeByteArray(
                SUMMARY,
                message(
                    summary -> {
                      for (var figure : judgement.figures().entrySet()) {
                        scalar(summary, tag(figure.getKey()), figure.getValue());
                      }
                    })));
    flush();
  }

  private String tag(String figure) {
    return figure.equals(subject.heldOut())
        ? "loss/held-out"
        : "figures/" + figure.replace(' ', '_');
  }

  @Override
  public boolean wantsSamples() {
    return true;
  }

  @Override
  public void sampled(Sample sample) {
    // TensorBoard takes text for Markdown, where what is indented stays as it is.
    String indented = "    " + sample.text().replace("\n", "\n    ");
    add(
        sample.step(),
        event -> event.writeByteArray(SUMMARY, message(summary -> text(summary, indented))));
  }

  @Override
  public void ended(State state) {
    flush();
  }

  // ---- messages ---------------------------------------------------------------------------------

  /** Writes the fields of a message. */
  private interface Fields {
    void writeTo(CodedOutputStream out) throws IOException;
  }

  private static byte[] message(Fields fields) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    fields.writeTo(out);
    out.flush();
    return bytes.toByteArray();
  }

  /** A number; nothing if it is not known. */
  private static void scalar(CodedOutputStream summary, String tag, double value)
      throws IOException {
    if (!Double.isNaN(value)) {
      summary.writeByteArray(
          VALUE,
          message(
              out -> {
                out.writeString(TAG, tag);
                out.writeFloat(SIMPLE_VALUE, (float) value);
              }));
    }
  }

  private static void text(CodedOutputStream summary, String words) throws IOException {
    byte[] plugin = message(out -> out.writeString(PLUGIN_NAME, "text"));
    byte[] metadata = message(out -> out.writeByteArray(PLUGIN_DATA, plugin));
    byte[] tensor =
        message(
            out -> {
              out.writeEnum(DATA_TYPE, DATA_TYPE_STRING);
              out.writeByteArray(SHAPE, new byte[0]);
              out.writeByteArray(STRING_VALUE, words.getBytes(StandardCharsets.UTF_8));
            });
    summary.writeByteArray(
        VALUE,
        message(
            out -> {
              out.writeString(TAG, "samples");
              out.writeByteArray(TENSOR, tensor);
              out.writeByteArray(METADATA, metadata);
            }));
  }

  // ---- records ----------------------------------------------------------------------------------

  private void add(long step, Fields fields) {
    output.write(
        out -> {
          byte[] event =
              message(
                  coded -> {
                    coded.writeDouble(WALL_TIME, System.currentTimeMillis() * 1e-3);
                    coded.writeInt64(STEP, step);
                    fields.writeTo(coded);
                  });
          byte[] length = littleEndian(Long.BYTES).putLong(event.length).array();
          out.write(length);
          out.write(checksum(length));
          out.write(event);
          out.write(checksum(event));
        });
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] checksum(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    int value = (int) crc.getValue();
    return littleEndian(Integer.BYTES).putInt(Integer.rotateRight(value, 15) + MASK).array();
  }

  private void flush() {
    output.write(OutputStream::flush);
  }

  /** What went wrong, in one line; null if nothing did. */
  @Nullable String complaint() {
    return output.complaint("the events are");
  }

  @Override
  public void close() {
    output.close();
  }
}
