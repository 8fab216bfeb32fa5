package dev.sequor.exchange;

import dev.sequor.io.MalformedFileException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values in a pickle, which is a program for a machine with a stack (protocols 2 to 5). Of its
 * instructions those are known that build numbers, texts, tuples, lists and dicts, and of calls
 * those by which PyTorch says what a tensor is; they are taken note of, not made. All else is
 * refused by the name of the opcode, so that no pickle executes anything.
 */
final class Pickle {
  /** What a {@code GLOBAL} names, which is nothing but a name here. */
  record Global(String module, String name) {
    @Override
    public String toString() {
      return module + "." + name;
    }
  }

  /** {@code None}. */
  enum None {
    NONE
  }

  /** A tuple. */
  record Tuple(List<Object> items) {}

  /**
   * What a tensor's numbers are stored as.
   *
   * @param type the name of its class, for example {@code FloatStorage}
   * @param key which member of the archive holds it
   * @param elements how many
   */
  record Storage(String type, String key, long elements) {}

  /** A tensor: a view of a storage. */
  record View(Storage storage, long offset, List<Long> shape, List<Long> strides) {}

  private static final Object MARK = new Object();

  private static final String ORDERED_DICT = "collections.OrderedDict";
  private static final String REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2";
  private static final String REBUILD_PARAMETER = "torch._utils._rebuild_parameter";
  private static final String SIZE = "torch.Size";

  /** More than the state dict of any model needs. */
  private static final int MOST_VALUES = 4_000_000;

  private final Path path;
  private final ByteBuffer code;
  private final Deque<Object> stack = new ArrayDeque<>();
  private final Map<Integer, Object> memo = new HashMap<>();
  private int values;

  private Pickle(Path path, byte[] code) {
    this.path = path;
    this.code = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The value that {@code code} builds: Long, Double, Boolean, String, {@link None}, {@link Tuple},
   * List, Map, {@link Global} or {@link View}.
   *
   * @throws MalformedFileException if it is cut, or has an instruction or a call that no state dict
   *     needs
   */
  static Object read(Path path, byte[] code) throws MalformedFileException {
    return new Pickle(path, code).run();
  }

  private MalformedFileException malformed(String problem) {
    return new MalformedFileException(
        path, "its pickle, at byte " + code.position() + ", " + problem);
  }

  private Object run() throws MalformedFileException {
    while (true) {
      int opcode = Byte.toUnsignedInt(bytes(1).get());
      if (opcode == '.') { // STOP
        return pop();
      }
      execute(opcode);
    }
  }

  private void execute(int opcode) throws MalformedFileException {
    switch (opcode) {
      case 0x80 -> { // PROTO
        int protocol = Byte.toUnsignedInt(bytes(1).get());
        if (protocol < 2 || protocol > 5) {
          throw malformed("is of protocol " + protocol + "; needed 2 to 5");
        }
      }
      case 0x95 -> bytes(8); // FRAME
      case '(' -> push(MARK);
      case 'N' -> push(None.NONE);
      case 0x88 -> push(true); // NEWTRUE
      case 0x89 -> push(false); // NEWFALSE
      case 'K' -> push((long) Byte.toUnsignedInt(bytes(1).get())); // BININT1
      case 'M' -> push((long) Short.toUnsignedInt(bytes(2).getShort())); // BININT2
      case 'J' -> push((long) bytes(4).getInt()); // BININT
      case 0x8a -> push(longOf(Byte.toUnsignedInt(bytes(1).get()))); // LONG1
      case 'G' -> push(bytes(8).order(ByteOrder.BIG_ENDIAN).getDouble()); // BINFLOAT
      case 'X' -> push(text(bytes(4).getInt())); // BINUNICODE
      case 0x8c -> push(text(Byte.toUnsignedInt(bytes(1).get()))); // SHORT_BINUNICODE
      case 0x8d -> push(text(bytes(8).getLong())); // BINUNICODE8
      case ')' -> push(new Tuple(List.of()));
      case 't' -> push(new Tuple(popToMark()));
      case 0x85 -> pushTuple(1);
      case 0x86 -> pushTuple(2);
      case 0x87 -> pushTuple(3);
      case ']' -> push(new ArrayList<>());
      case '}' -> push(new LinkedHashMap<>());
      case 'a' -> { // APPEND
        Object item = pop();
        list().add(item);
      }
      case 'e' -> { // APPENDS
        List<Object> items = popToMark();
        list().addAll(items);
      }
      case 's' -> { // SETITEM
        Object value = pop();
        Object key = pop();
        put(key, value);
      }
      case 'u' -> { // SETITEMS
        List<Object> items = popToMark();
        if (items.size() % 2 != 0) {
          throw malformed("sets a key without a value");
        }
        for (int i = 0; i < items.size(); i += 2) {
          put(items.get(i), items.get(i + 1));
        }
      }
      case 'q' -> memo.put(Byte.toUnsignedInt(bytes(1).get()), top()); // BINPUT
      case 'r' -> memo.put(bytes(4).getInt(), top()); // LONG_BINPUT
      case 0x94 -> memo.put(memo.size(), top()); // MEMOIZE
      case 'h' -> push(remembered(Byte.toUnsignedInt(bytes(1).get()))); // BINGET
      case 'j' -> push(remembered(bytes(4).getInt())); // LONG_BINGET
      case 'c' -> push(global("GLOBAL", line(), line()));
      case 0x93 -> { // STACK_GLOBAL
        Object name = pop();
        Object module = pop();
        push(global("STACK_GLOBAL", String.valueOf(module), String.valueOf(name)));
      }
      case 'Q' -> push(storage(pop())); // BINPERSID
      case 'R' -> { // REDUCE
        Object arguments = pop();
        push(called(pop(), arguments));
      }
      case 'b' -> pop(); // BUILD: attributes of a dict, such as the version of its modules
      case '0' -> pop();
      default ->
          throw malformed(
              "has opcode "
                  + name(opcode)
                  + ", which no state dict needs; needed what torch.save(model.state_dict(), …)"
                  + " writes");
    }
  }

  /** What opcodes are called that are refused, as far as they are known for what they can do. */
  private static String name(int opcode) {
    return switch (opcode) {
      case 'i' -> "INST";
      case 'o' -> "OBJ";
      case 0x81 -> "NEWOBJ";
      case 0x92 -> "NEWOBJ_EX";
      case 'P' -> "PERSID";
      case 0x82 -> "EXT1";
      case 0x83 -> "EXT2";
      case 0x84 -> "EXT4";
      default -> String.format(Locale.ROOT, "0x%02x", opcode);
    };
  }

  private ByteBuffer bytes(long count) throws MalformedFileException {
    if (count < 0 || count > code.remaining()) {
      throw malformed("is cut");
    }
    ByteBuffer taken = code.slice(code.position(), (int) count).order(ByteOrder.LITTLE_ENDIAN);
    code.position(code.position() + (int) count);
    return taken;
  }

  private String text(long bytes) throws MalformedFileException {
    return decoded(bytes(bytes));
  }

  private String decoded(ByteBuffer utf8) throws MalformedFileException {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .decode(utf8)
          .toString();
    } catch (CharacterCodingException e) {
      throw malformed("has a text that is not UTF-8");
    }
  }

  private String line() throws MalformedFileException {
    int begin = code.position();
    while (bytes(1).get() != '\n') {
      // up to its end
    }
    return decoded(code.slice(begin, code.position() - begin - 1));
  }

  private long longOf(int bytes) throws MalformedFileException {
    if (bytes > Long.BYTES) {
      throw malformed("has an integer of " + bytes + " bytes; needed at most " + Long.BYTES);
    }
    ByteBuffer digits = bytes(bytes);
    long value = bytes == 0 || digits.get(bytes - 1) >= 0 ? 0 : -1;
    for (int i = bytes - 1; i >= 0; i--) {
      value = value << Byte.SIZE | Byte.toUnsignedLong(digits.get(i));
    }
    return value;
  }

  private void push(Object value) throws MalformedFileException {
    if (++values > MOST_VALUES) {
      throw malformed("makes more than " + MOST_VALUES + " values");
    }
    stack.push(value);
  }

  private void pushTuple(int size) throws MalformedFileException {
    List<Object> items = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      items.add(0, pop());
    }
    push(new Tuple(items));
  }

  private Object top() throws MalformedFileException {
    Object value = stack.peek();
    if (value == null || value == MARK) {
      throw malformed("takes a value from where there is none");
    }
    return value;
  }

  private Object pop() throws MalformedFileException {
    Object value = top();
    stack.pop();
    return value;
  }

  private List<Object> popToMark() throws MalformedFileException {
    List<Object> items = new ArrayList<>();
    for (Object value = stack.poll(); value != MARK; value = stack.poll()) {
      if (value == null) {
        throw malformed("takes values up to a mark that is not there");
      }
      items.add(value);
    }
    Collections.reverse(items);
    return items;
  }

  @SuppressWarnings("unchecked") // what is pushed as a list or a map is one of Objects
  private List<Object> list() throws MalformedFileException {
    if (top() instanceof List<?> list) {
      return (List<Object>) list;
    }
    throw malformed("appends to what is no list");
  }

  @SuppressWarnings("unchecked")
  private void put(Object key, Object value) throws MalformedFileException {
    if (!(top() instanceof Map<?, ?> map)) {
      throw malformed("sets an item of what is no dict");
    }
    if (!(key instanceof String) && !(key instanceof Long)) {
      throw malformed("has a dict with a key that is neither a text nor an integer");
    }
    ((Map<Object, Object>) map).put(key, value);
  }

  private Object remembered(int index) throws MalformedFileException {
    Object value = memo.get(index);
    if (value == null) {
      throw malformed("asks for memo " + index + ", which is empty");
    }
    return value;
  }

  private Global global(String opcode, String module, String name) throws MalformedFileException {
    Global global = new Global(module, name);
    String whole = global.toString();
    boolean isStorage = module.equals("torch") && name.endsWith("Storage");
    if (!isStorage
        && !whole.equals(ORDERED_DICT)
        && !whole.equals(REBUILD_TENSOR)
        && !whole.equals(REBUILD_PARAMETER)
        && !whole.equals(SIZE)) {
      throw malformed(
          "has opcode "
              + opcode
              + " of '"
              + whole
              + "', which no state dict needs; needed what torch.save(model.state_dict(), …)"
              + " writes");
    }
    return global;
  }

  /** {@code ('storage', class, key, place, elements)}. */
  private Storage storage(Object id) throws MalformedFileException {
    if (id instanceof Tuple tuple
        && tuple.items().size() == 5
        && tuple.items().get(0).equals("storage")
        && tuple.items().get(1) instanceof Global type
        && tuple.items().get(2) instanceof String key
        && tuple.items().get(4) instanceof Long elements
        && elements >= 0) {
      return new Storage(type.name(), key, elements);
    }
    throw malformed("has opcode BINPERSID of what is no storage");
  }

  /** What the calls that are known would make. */
  private Object called(Object function, Object arguments) throws MalformedFileException {
    String name = String.valueOf(function);
    List<Object> items = arguments instanceof Tuple tuple ? tuple.items() : List.of();
    if (function instanceof Global) {
      if (name.equals(ORDERED_DICT) && items.isEmpty()) {
        return new LinkedHashMap<>();
      }
      if (name.equals(SIZE) && items.size() == 1) {
        return items.get(0);
      }
      if (name.equals(REBUILD_PARAMETER) && !items.isEmpty() && items.get(0) instanceof View view) {
        return view;
      }
      if (name.equals(REBUILD_TENSOR)
          && items.size() >= 4
          && items.get(0) instanceof Storage storage
          && items.get(1) instanceof Long offset) {
        return new View(storage, offset, integers(items.get(2)), integers(items.get(3)));
      }
    }
    throw malformed("has opcode REDUCE of '" + name + "' with arguments that it does not take");
  }

  private List<Long> integers(@Nullable Object tuple) throws MalformedFileException {
    List<Long> integers = new ArrayList<>();
    if (tuple instanceof Tuple items) {
      for (Object item : items.items()) {
        if (!(item instanceof Long integer) || integer < 0) {
          throw malformed("has a tensor with a size or stride that is no integer of at least 0");
        }
        integers.add(integer);
      }
      return integers;
    }
    throw malformed("has a tensor whose sizes are no tuple");
  }
}
