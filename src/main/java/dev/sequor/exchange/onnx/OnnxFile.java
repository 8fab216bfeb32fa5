package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A file of ONNX: the graph, and numbers that stand in it or in files beside it. */
final class OnnxFile {
  /** Operators as they were before this, for example with attributes for axes, are other ones. */
  private static final int OLDEST_OPSET = 7;

  private static final int NEWEST_OPSET = 24;

  /** Far more than any operator here can do something with. */
  static final int MOST_DIMENSIONS = 32;

  /** Of a message, which may have names in it that are as long as the file. */
  private static final int LONGEST_LINE = 1000;

  private final Path path;
  private final long bytes;
  private final GraphProto graph;
  private final int opset;

  /** What is not yet read of files beside this one, in bytes: each of them once. */
  private final Map<Path, Long> unread = new HashMap<>();

  /** What has been read of them: tensors at one place, as exporters tie weights, are one. */
  private final Map<Place, Numbers> places = new HashMap<>();

  /** A range of a file beside this one, and what its bytes are read as. */
  private record Place(Path file, long offset, long length, TensorType type) {}

  private OnnxFile(Path path, long bytes, GraphProto graph, int opset) {
    this.path = path;
    this.bytes = bytes;
    this.graph = graph;
    this.opset = opset;
  }

  /**
   * Reads a file.
   *
   * @throws MalformedFileException if it is none of ONNX, or of operators that are not known
   * @throws IOException if it cannot be read
   */
  static OnnxFile read(Path path) throws IOException {
    long bytes = Files.size(path);
    if (bytes > Integer.MAX_VALUE - 16) {
      throw new MalformedFileException(
          path, "has " + bytes + " bytes; needed less than 2 GiB, larger weights beside it");
    }
    ModelProto model;
    try {
      CodedInputStream in = CodedInputStream.newInstance(Files.readAllBytes(path));
      in.enableAliasing(true);
      model = ModelProto.parseFrom(in);
    } catch (InvalidProtocolBufferException e) {
      throw new MalformedFileException(path, "is no ONNX model: " + e.getMessage(), e);
    }
    if (!model.hasGraph()) {
      throw new MalformedFileException(path, "holds no graph; needed an ONNX model");
    }
    return new OnnxFile(path, bytes, model.getGraph(), opset(path, model));
  }

  /** Whether all of a file is fields of a model, with a version, operators and a graph. */
  static boolean isOne(Path path) throws IOException {
    boolean[] seen = new boolean[ModelProto.OPSET_IMPORT_FIELD_NUMBER + 1];
    try (InputStream stream = new BufferedInputStream(Files.newInputStream(path))) {
      CodedInputStream in = CodedInputStream.newInstance(stream);
      in.setSizeLimit(Integer.MAX_VALUE);
      for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
        int field = WireFormat.getTagFieldNumber(tag);
        if (ModelProto.getDescriptor().findFieldByNumber(field) == null || !in.skipField(tag)) {
          return false;
        }
        if (field < seen.length) {
          seen[field] = true;
        }
      }
    } catch (InvalidProtocolBufferException e) {
      return false;
    }
    return seen[ModelProto.IR_VERSION_FIELD_NUMBER]
        && seen[ModelProto.GRAPH_FIELD_NUMBER]
        && seen[ModelProto.OPSET_IMPORT_FIELD_NUMBER];
  }

  private static int opset(Path path, ModelProto model) throws MalformedFileException {
    long opset = 0;
    for (OperatorSetIdProto set : model.getOpsetImportList()) {
      if (isOwn(set.getDomain())) {
        opset = set.getVersion();
      }
    }
    if (opset < OLDEST_OPSET || opset > NEWEST_OPSET) {
      throw new MalformedFileException(
          path, "is of opset " + opset + "; needed " + OLDEST_OPSET + " to " + NEWEST_OPSET);
    }
    if (model.getFunctionsCount() > 0) {
      throw new MalformedFileException(
          path, "has functions of its own, which are not supported; needed a plain graph");
    }
    if (model.getGraph().getSparseInitializerCount() > 0) {
      throw new MalformedFileException(path, "has sparse weights, which are not supported");
    }
    return (int) opset;
  }

  /** Whether a domain is that of ONNX itself. */
  static boolean isOwn(String domain) {
    return domain.isEmpty() || domain.equals("ai.onnx");
  }

  Path path() {
    return path;
  }

  /** How large the file is. */
  long bytes() {
    return bytes;
  }

  /** A message as one line that can be read, whatever names are in it. */
  static String line(String message) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < message.length() && i < LONGEST_LINE; i++) {
      char c = message.charAt(i);
      line.append(Character.isISOControl(c) || c == '\u2028' || c == '\u2029' ? '?' : c);
    }
    return message.length() > LONGEST_LINE ? line.append(" …").toString() : line.toString();
  }

  GraphProto graph() {
    return graph;
  }

  int opset() {
    return opset;
  }

  /** The weights, by name, in the order of the file. */
  Map<String, Numbers> weights() throws IOException {
    Map<String, Numbers> weights = new LinkedHashMap<>();
    for (TensorProto tensor : graph.getInitializerList()) {
      if (weights.put(tensor.getName(), numbers(tensor)) != null) {
        throw wrong(tensor, "is there twice; needed each once");
      }
    }
    return weights;
  }

  private MalformedFileException wrong(TensorProto tensor, String what) {
    return new MalformedFileException(path, line("tensor '" + tensor.getName() + "' " + what));
  }

  /**
   * The numbers of a tensor.
   *
   * @throws MalformedFileException if its parts do not fit each other, or its type is not known
   */
  Numbers numbers(TensorProto tensor) throws IOException {
    if (tensor.getDimsCount() > MOST_DIMENSIONS) {
      throw wrong(
          tensor,
          "has " + tensor.getDimsCount() + " dimensions; needed at most " + MOST_DIMENSIONS);
    }
    long count = 1;
    int[] dims = new int[tensor.getDimsCount()];
    for (int d = 0; d < dims.length; d++) {
      long size = tensor.getDims(d);
      if (size < 0 || size > Integer.MAX_VALUE || count * Math.max(1, size) > Integer.MAX_VALUE) {
        throw wrong(tensor, "has the sizes " + tensor.getDimsList() + ", too large or negative");
      }
      dims[d] = (int) size;
      count *= size;
    }
    if (tensor.hasSegment()) {
      throw wrong(tensor, "is in segments, which are not supported");
    }
    TensorType type = type(tensor);
    int oneByOne =
        tensor.getFloatDataCount()
            + tensor.getInt32DataCount()
            + tensor.getInt64DataCount()
            + tensor.getDoubleDataCount()
            + tensor.getUint64DataCount()
            + tensor.getStringDataCount();
    boolean external = tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL;
    if (!external && tensor.getRawData().isEmpty()) {
      return typed(tensor, dims, (int) count, oneByOne);
    }
    if (oneByOne > 0 || (external && !tensor.getRawData().isEmpty())) {
      throw wrong(tensor, "has its numbers in two places; needed one");
    }
    long needed = count * type.bytes();
    if (external) {
      return external(tensor, dims, type, needed);
    }
    ByteBuffer bytes = raw(tensor.getRawData());
    if (bytes.limit() != needed) {
      throw wrong(tensor, "has " + bytes.limit() + " bytes; its sizes need " + needed);
    }
    return numbers(dims, type, bytes);
  }

  private static Numbers numbers(int[] dims, TensorType type, ByteBuffer bytes) {
    return type.isReal()
        ? Numbers.of(dims, type.floats(bytes))
        : Numbers.of(dims, type.integers(bytes));
  }

  private static ByteBuffer raw(ByteString data) {
    return data.asReadOnlyByteBuffer().slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  private TensorType type(TensorProto tensor) throws MalformedFileException {
    @Nullable TensorType type = type(tensor.getDataType());
    if (type == null) {
      TensorProto.DataType known = TensorProto.DataType.forNumber(tensor.getDataType());
      throw wrong(
          tensor,
          "is of the type "
              + (known == null ? String.valueOf(tensor.getDataType()) : known.name())
              + ", which is not supported; needed real numbers or integers");
    }
    return type;
  }

  /** The element type of this number; null if it is not supported. */
  static @Nullable TensorType type(int number) {
    TensorProto.DataType type = TensorProto.DataType.forNumber(number);
    if (type == null) {
      return null;
    }
    return switch (type) {
      case FLOAT -> TensorType.F32;
      case DOUBLE -> TensorType.F64;
      case FLOAT16 -> TensorType.F16;
      case BFLOAT16 -> TensorType.BF16;
      case INT64 -> TensorType.I64;
      case INT32 -> TensorType.I32;
      case INT16 -> TensorType.I16;
      case INT8 -> TensorType.I8;
      case UINT16 -> TensorType.U16;
      case UINT8 -> TensorType.U8;
      case UINT32 -> TensorType.U32;
      case BOOL -> TensorType.BOOL;
      default -> null;
    };
  }

  /** Numbers that stand in the tensor one by one. */
  private Numbers typed(TensorProto tensor, int[] dims, int count, int oneByOne)
      throws MalformedFileException {
    TensorType type = type(tensor);
    int given =
        switch (type) {
          case F32 -> tensor.getFloatDataCount();
          case F64 -> tensor.getDoubleDataCount();
          case I64 -> tensor.getInt64DataCount();
          case U32 -> tensor.getUint64DataCount();
          default -> tensor.getInt32DataCount();
        };
    if (given != count || given != oneByOne) {
      throw wrong(
          tensor,
          "has " + given + " numbers of its type, of " + oneByOne + "; its sizes need " + count);
    }
    if (type.isReal()) {
      float[] reals = new float[count];
      for (int i = 0; i < count; i++) {
        reals[i] =
            switch (type) {
              case F32 -> tensor.getFloatData(i);
              case F64 -> (float) tensor.getDoubleData(i);
              default ->
                  type.floats(
                          ByteBuffer.allocate(Short.BYTES)
                              .order(ByteOrder.LITTLE_ENDIAN)
                              .putShort(0, (short) tensor.getInt32Data(i)))[0];
            };
      }
      return Numbers.of(dims, reals);
    }
    long[] integers = new long[count];
    for (int i = 0; i < count; i++) {
      integers[i] =
          switch (type) {
            case I64 -> tensor.getInt64Data(i);
            case U32 -> tensor.getUint64Data(i);
            default -> tensor.getInt32Data(i);
          };
    }
    return Numbers.of(dims, integers);
  }

  /** Numbers in a file in the model's folder, and in no other. */
  private Numbers external(TensorProto tensor, int[] dims, TensorType type, long needed)
      throws IOException {
    String location = "";
    long offset = 0;
    long length = needed;
    try {
      for (StringStringEntryProto entry : tensor.getExternalDataList()) {
        switch (entry.getKey()) {
          case "location" -> location = entry.getValue();
          case "offset" -> offset = Long.parseLong(entry.getValue());
          case "length" -> length = Long.parseLong(entry.getValue());
          default -> {
            // a checksum, or what a writer thought worth saying
          }
        }
      }
    } catch (NumberFormatException e) {
      throw wrong(tensor, "is in a file at a place that is no number: " + e.getMessage());
    }
    Path file = beside(tensor, location);
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      if (offset < 0 || length != needed || offset > size - length) {
        throw wrong(
            tensor,
            "is at "
                + offset
                + " of '"
                + location
                + "' with "
                + length
                + " bytes, of a file of "
                + size
                + "; its sizes need "
                + needed);
      }
      Place place = new Place(file, offset, length, type);
      Numbers known = places.get(place);
      if (known != null) {
        return known.withDims(dims);
      }
      long left = unread.getOrDefault(file, size) - length;
      if (left < 0) {
        throw wrong(
            tensor, "is in '" + location + "', of which tensors are more bytes than its " + size);
      }
      unread.put(file, left);
      ByteBuffer bytes = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
      while (bytes.hasRemaining() && channel.read(bytes, offset + bytes.position()) >= 0) {
        // until all is there
      }
      if (bytes.hasRemaining()) {
        throw wrong(tensor, "is in '" + location + "', which became shorter while it was read");
      }
      Numbers numbers = numbers(dims, type, bytes.flip());
      places.put(place, numbers);
      return numbers;
    }
  }

  private Path beside(TensorProto tensor, String location) throws IOException {
    Path folder = path.toAbsolutePath().getParent();
    try {
      Path given = Path.of(location);
      boolean leaves = given.isAbsolute() || location.isEmpty();
      for (Path part : given) {
        leaves |= part.toString().equals("..");
      }
      if (folder == null || leaves) {
        throw wrong(tensor, "is in '" + location + "'; needed a file in the model's folder");
      }
      Path real = folder.resolve(given).toRealPath();
      if (!real.startsWith(folder.toRealPath()) || !Files.isRegularFile(real)) {
        throw wrong(tensor, "is in '" + location + "'; needed a file in the model's folder");
      }
      return real;
    } catch (InvalidPathException | FileSystemException e) {
      throw wrong(tensor, "is in '" + location + "', which is not in the model's folder");
    }
  }
}
