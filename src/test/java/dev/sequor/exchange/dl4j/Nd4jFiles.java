package dev.sequor.exchange.dl4j;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/** Writes what {@code Nd4j.write} writes. */
final class Nd4jFiles {
  private Nd4jFiles() {}

  /** One row of numbers. */
  static byte[] row(float... values) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    long[] info = {2, 1, values.length, values.length, 1, 0, 1, 'f'};
    out.writeUTF("LONG_SHAPE");
    out.writeLong(info.length);
    out.writeUTF("LONG");
    for (long each : info) {
      out.writeLong(each);
    }
    out.writeUTF("LONG_SHAPE");
    out.writeLong(values.length);
    out.writeUTF("FLOAT");
    for (float value : values) {
      out.writeFloat(value);
    }
    return bytes.toByteArray();
  }
}
