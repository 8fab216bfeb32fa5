package dev.sequor.exchange;

import dev.sequor.io.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** Named tensors in a file, of whatever form; each is read when it is asked for. */
interface TensorSource extends AutoCloseable {
  /** The names, in the order of the file. */
  List<String> names();

  TensorType type(String name) throws IOException;

  List<Long> shape(String name) throws IOException;

  /** The elements in their order, little-endian. */
  ByteBuffer bytes(String name) throws IOException;

  @Override
  void close() throws IOException;
}
