package dev.sequor.exchange.keras;

import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.module.NamedTensor;
import io.jhdf.Constants;
import io.jhdf.GlobalHeap;
import io.jhdf.GroupSymbolTableNode;
import io.jhdf.LocalHeap;
import io.jhdf.ObjectHeader;
import io.jhdf.Superblock;
import io.jhdf.SymbolTableEntry;
import io.jhdf.btree.BTreeV1;
import io.jhdf.exceptions.HdfException;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.datatype.FloatingPoint;
import io.jhdf.object.datatype.StringData;
import io.jhdf.object.datatype.VariableLength;
import io.jhdf.object.message.AttributeInfoMessage;
import io.jhdf.object.message.AttributeMessage;
import io.jhdf.object.message.DataLayoutMessage;
import io.jhdf.object.message.DataLayoutMessage.CompactDataLayoutMessage;
import io.jhdf.object.message.DataLayoutMessage.ContiguousDataLayoutMessage;
import io.jhdf.object.message.DataSpace;
import io.jhdf.object.message.DataSpaceMessage;
import io.jhdf.object.message.DataTypeMessage;
import io.jhdf.object.message.LinkInfoMessage;
import io.jhdf.object.message.LinkMessage;
import io.jhdf.object.message.SymbolTableMessage;
import io.jhdf.storage.HdfBackingStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Groups, attributes and real tensors of an HDF5 file in memory, as h5py writes them for Keras:
 * groups are tables of hard links, attributes are texts, tensors lie in one piece. Anything else
 * (links to other places and files, chunks, filters) is refused.
 *
 * <p>The pieces of the format are parsed by jHDF, one at a time. What leads from piece to piece is
 * walked here, and what jHDF reads it gets from a {@link Storage} that counts: jHDF itself follows
 * whatever addresses there are, so that a file of a few kilobytes whose trees meet again could keep
 * it busy for ever.
 */
final class Hdf5File {
  /** What is not the numbers of tensors is read once or twice. */
  private static final int MOST_READINGS = 4;

  /** The least that is read of a small file. */
  private static final int READ_ANYHOW = 1 << 16;

  private static final int LONGEST_NAME = 1 << 12;

  private final Path path;
  private final String place;
  private final Storage storage;
  private final Map<Long, GlobalHeap> heaps = new HashMap<>();
  private long tensorBytesLeft;

  private Hdf5File(Path path, String member, byte[] bytes) throws MalformedFileException {
    this.path = path;
    this.place = member.isEmpty() ? "" : "its member '" + member + "' ";
    this.tensorBytesLeft = bytes.length;
    this.storage = guarded("superblock", () -> new Storage(bytes));
  }

  /**
   * The root of a file.
   *
   * @param path which file it is, or is in
   * @param member which member of {@code path} it is; empty if it is all of it
   * @throws MalformedFileException if it is no such file
   */
  static Group open(Path path, String member, byte[] bytes) throws MalformedFileException {
    return new Hdf5File(path, member, bytes).root();
  }

  /** Reads a piece of the file. */
  private interface Reading<T> {
    T read() throws MalformedFileException;
  }

  /**
   * Whatever jHDF throws says that the file is malformed: it checks no sizes, and throws what the
   * JDK does.
   */
  private <T> T guarded(String what, Reading<T> reading) throws MalformedFileException {
    try {
      return reading.read();
    } catch (RuntimeException | StackOverflowError e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      String why =
          cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
      throw new MalformedFileException(
          path, place + "is malformed HDF5: its " + what + " cannot be read: " + why, e);
    }
  }

  private MalformedFileException malformed(String problem) {
    return new MalformedFileException(path, place + problem);
  }

  private Group root() throws MalformedFileException {
    return guarded(
        "root",
        () -> {
          if (storage.superblock instanceof Superblock.SuperblockV0V1 old) {
            SymbolTableEntry entry =
                new SymbolTableEntry(storage, old.getRootGroupSymbolTableAddress());
            return new Group("", entry.getObjectHeaderAddress());
          }
          return new Group(
              "",
              ((Superblock.SuperblockV2V3) storage.superblock).getRootGroupObjectHeaderAddress());
        });
  }

  /** The bytes of the file, as often as an honest file has them read. */
  private static final class Storage implements HdfBackingStorage {
    private final ByteBuffer bytes;
    private final Superblock superblock;
    private long left;

    Storage(byte[] file) {
      bytes = ByteBuffer.wrap(file).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
      left = (long) MOST_READINGS * file.length + READ_ANYHOW;
      superblock = Superblock.readSuperblock(bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN));
      if (superblock.getBaseAddressByte() != 0) {
        throw new HdfException("its base address is " + superblock.getBaseAddressByte());
      }
    }

    /** Takes note that so many bytes are gone through. */
    void spend(long count) {
      left -= count;
      if (left < 0) {
        throw new HdfException("it leads to the same bytes again and again");
      }
    }

    ByteBuffer slice(long address, long length) {
      if (address < 0 || length < 0 || address > bytes.capacity() - length) {
        throw new HdfException(
            length + " bytes at " + address + " are not within its " + bytes.capacity());
      }
      return bytes.slice((int) address, (int) length).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public ByteBuffer readBufferFromAddress(long address, int length) {
      return map(address, length);
    }

    @Override
    public ByteBuffer map(long address, long length) {
      spend(length + Long.BYTES);
      return slice(address, length);
    }

    @Override
    public ByteBuffer mapNoOffset(long address, long length) {
      return map(address, length);
    }

    @Override
    public long getUserBlockSize() {
      return 0;
    }

    @Override
    public Superblock getSuperblock() {
      return superblock;
    }

    @Override
    public FileChannel getFileChannel() {
      throw new HdfException("it is in memory");
    }

    @Override
    public int getSizeOfOffsets() {
      return superblock.getSizeOfOffsets();
    }

    @Override
    public int getSizeOfLengths() {
      return superblock.getSizeOfLengths();
    }

    @Override
    public void close() {}

    @Override
    public long size() {
      return bytes.capacity();
    }

    @Override
    public boolean inMemory() {
      return true;
    }
  }

  /** A group, with its attributes and what it links to. */
  final class Group {
    private final String name;
    private final ObjectHeader header;
    private final Map<String, Group> groups = new HashMap<>();
    private @Nullable Map<String, Long> links;

    private Group(String name, long address) throws MalformedFileException {
      this.name = name;
      this.header = header(name, address);
    }

    private String named(String child) {
      return name.isEmpty() ? child : name + "/" + child;
    }

    /** The names of what is in it, in the order of the file. */
    List<String> names() throws MalformedFileException {
      return List.copyOf(links().keySet());
    }

    private Map<String, Long> links() throws MalformedFileException {
      if (links == null) {
        links = guarded("group '" + name + "'", this::readLinks);
      }
      return links;
    }

    private Map<String, Long> readLinks() throws MalformedFileException {
      Map<String, Long> all = new LinkedHashMap<>();
      if (header.hasMessageOfType(SymbolTableMessage.class)) {
        SymbolTableMessage table = header.getMessageOfType(SymbolTableMessage.class);
        ByteBuffer texts = new LocalHeap(storage, table.getLocalHeapAddress()).getDataBuffer();
        BTreeV1 tree = BTreeV1.createGroupBTree(storage, table.getBTreeAddress());
        for (long leaf : tree.getChildAddresses()) {
          for (SymbolTableEntry entry :
              new GroupSymbolTableNode(storage, leaf).getSymbolTableEntries()) {
            String child = terminated(texts, entry.getLinkNameOffset());
            // 2 is a link by a path; the others say what is cached of the object.
            put(all, child, entry.getCacheType() != 2, entry.getObjectHeaderAddress());
          }
        }
      } else if (header.hasMessageOfType(LinkInfoMessage.class)) {
        LinkInfoMessage info = header.getMessageOfType(LinkInfoMessage.class);
        if (info.getBTreeNameIndexAddress() != Constants.UNDEFINED_ADDRESS) {
          throw malformed(
              "keeps the links of group '" + name + "' in a heap; needed them in a table");
        }
        for (LinkMessage link : header.getMessagesOfType(LinkMessage.class)) {
          boolean isHard = link.getLinkType() == LinkMessage.LinkType.HARD;
          put(all, link.getLinkName(), isHard, isHard ? link.getHardLinkAddress() : 0);
        }
      } else {
        throw malformed("has '" + name + "', which is no group");
      }
      return all;
    }

    private void put(Map<String, Long> all, String child, boolean isHard, long address)
        throws MalformedFileException {
      if (!isHard) {
        throw malformed("has a link '" + named(child) + "' to another place; needed it there");
      }
      if (all.put(child, address) != null) {
        throw malformed("has '" + named(child) + "' twice");
      }
    }

    /** The text up to a zero. */
    private String terminated(ByteBuffer texts, int begin) throws MalformedFileException {
      int end = begin;
      while (texts.get(end) != 0) {
        end++;
        if (end - begin > LONGEST_NAME) {
          throw malformed("has a name of more than " + LONGEST_NAME + " bytes in '" + name + "'");
        }
      }
      storage.spend(end - begin);
      return StandardCharsets.UTF_8.decode(texts.slice(begin, end - begin)).toString();
    }

    /**
     * The group that a path leads to, of names with slashes between them.
     *
     * @return null if there is nothing
     * @throws MalformedFileException if it is no group
     */
    @Nullable Group find(String groupPath) throws MalformedFileException {
      Group at = this;
      for (String part : groupPath.split("/", -1)) {
        Group next = at.child(part);
        if (next == null) {
          return null;
        }
        at = next;
      }
      return at;
    }

    private @Nullable Group child(String child) throws MalformedFileException {
      Group known = groups.get(child);
      if (known == null) {
        Long address = links().get(child);
        if (address == null) {
          return null;
        }
        known = new Group(named(child), address);
        groups.put(child, known);
      }
      return known;
    }

    /**
     * A list of texts. Of those larger than 64 KB Keras makes several, whose names end with 0, 1
     * and so on.
     *
     * @return null if there is none
     * @throws MalformedFileException if it is something else
     */
    @Nullable List<String> texts(String attribute) throws MalformedFileException {
      AttributeMessage whole = attribute(header, name, attribute);
      if (whole != null) {
        return decoded(name, attribute, whole);
      }
      List<String> all = new ArrayList<>();
      for (int i = 0; ; i++) {
        AttributeMessage part = attribute(header, name, attribute + i);
        if (part == null) {
          return i == 0 ? null : all;
        }
        all.addAll(decoded(name, attribute + i, part));
      }
    }

    /**
     * A text.
     *
     * @return null if there is none
     * @throws MalformedFileException if it is something else
     */
    @Nullable String text(String attribute) throws MalformedFileException {
      AttributeMessage message = attribute(header, name, attribute);
      if (message == null) {
        return null;
      }
      List<String> texts = decoded(name, attribute, message);
      if (texts.size() != 1) {
        throw malformed(
            "has "
                + texts.size()
                + " texts as attribute '"
                + attribute
                + "' of '"
                + name
                + "'; needed 1");
      }
      return texts.get(0);
    }

    /**
     * A tensor of real numbers.
     *
     * @param tensorPath names with slashes between them
     * @throws MalformedFileException if there is none, or it is of another type, or its numbers are
     *     not there
     */
    NamedTensor tensor(String tensorPath) throws MalformedFileException {
      int slash = tensorPath.lastIndexOf('/');
      Group parent = slash < 0 ? this : find(tensorPath.substring(0, slash));
      String whole = named(tensorPath);
      Long address = parent == null ? null : parent.links().get(tensorPath.substring(slash + 1));
      if (address == null) {
        throw malformed("has no tensor '" + whole + "'");
      }
      return guarded("tensor '" + whole + "'", () -> readTensor(whole, header(whole, address)));
    }
  }

  private ObjectHeader header(String name, long address) throws MalformedFileException {
    return guarded(
        "header of '" + name + "'", () -> ObjectHeader.readObjectHeader(storage, address));
  }

  private @Nullable AttributeMessage attribute(ObjectHeader header, String of, String name)
      throws MalformedFileException {
    for (AttributeInfoMessage info : header.getMessagesOfType(AttributeInfoMessage.class)) {
      if (info.getFractalHeapAddress() != Constants.UNDEFINED_ADDRESS) {
        throw malformed("keeps the attributes of '" + of + "' in a heap; needed them with it");
      }
    }
    for (AttributeMessage message : header.getMessagesOfType(AttributeMessage.class)) {
      if (message.getName().equals(name)) {
        return message;
      }
    }
    return null;
  }

  private List<String> decoded(String of, String attribute, AttributeMessage message)
      throws MalformedFileException {
    return guarded(
        "attribute '" + attribute + "' of '" + of + "'",
        () -> {
          ByteBuffer data = message.getDataBuffer();
          if (data == null) { // an empty list has any type
            return List.of();
          }
          int width = message.getDataType().getSize();
          List<String> texts = new ArrayList<>();
          for (int at = 0; at < data.limit(); at += width) {
            ByteBuffer utf8 = utf8(of, attribute, message.getDataType(), data.slice(at, width));
            storage.spend(utf8.remaining());
            texts.add(StandardCharsets.UTF_8.decode(utf8).toString());
          }
          return texts;
        });
  }

  /** The bytes of a text that an element of an attribute holds, or says where they are. */
  private ByteBuffer utf8(String of, String attribute, DataType type, ByteBuffer element)
      throws MalformedFileException {
    if (type instanceof StringData) {
      int length = 0;
      while (length < element.limit() && element.get(length) != 0) {
        length++;
      }
      return element.slice(0, length);
    }
    if (!(type instanceof VariableLength variable) || !variable.isVariableLengthString()) {
      throw malformed("has no texts as attribute '" + attribute + "' of '" + of + "'");
    }
    element.order(ByteOrder.LITTLE_ENDIAN);
    int length = element.getInt(0);
    long heapAddress =
        switch (storage.getSizeOfOffsets()) {
          case Integer.BYTES -> Integer.toUnsignedLong(element.getInt(Integer.BYTES));
          case Long.BYTES -> element.getLong(Integer.BYTES);
          default -> throw malformed("has addresses of " + storage.getSizeOfOffsets() + " bytes");
        };
    int index = element.getInt(Integer.BYTES + storage.getSizeOfOffsets());
    if (index == 0) { // an empty text
      return ByteBuffer.allocate(0);
    }
    GlobalHeap heap = heaps.get(heapAddress);
    if (heap == null) {
      heap = new GlobalHeap(storage, heapAddress);
      heaps.put(heapAddress, heap);
    }
    return heap.getObjectData(index).slice(0, length);
  }

  private NamedTensor readTensor(String name, ObjectHeader header) throws MalformedFileException {
    DataSpace space = header.getMessageOfType(DataSpaceMessage.class).getDataSpace();
    DataType type = header.getMessageOfType(DataTypeMessage.class).getDataType();
    TensorType real = real(name, type);
    List<Integer> shape = new ArrayList<>();
    long elements = 1;
    for (long size : space.getDimensionsAsLong()) {
      if (size < 1 || size > storage.size()) {
        throw malformed("has tensor '" + name + "' of a size of " + size);
      }
      shape.add((int) size);
      elements = Math.multiplyExact(elements, size);
    }
    long count = Math.multiplyExact(elements, (long) real.bytes());
    ByteBuffer numbers = numbers(name, header.getMessageOfType(DataLayoutMessage.class), count);
    tensorBytesLeft -= count;
    if (tensorBytesLeft < 0) {
      throw malformed("has tensors that share their bytes, among them '" + name + "'");
    }
    if (type instanceof FloatingPoint floating) {
      numbers.order(floating.getByteOrder());
    }
    return new NamedTensor(name, shape, real.floats(numbers));
  }

  private TensorType real(String name, DataType type) throws MalformedFileException {
    if (type instanceof FloatingPoint floating) {
      TensorType real =
          switch (floating.getSize() + ":" + floating.getMantissaSize()) {
            case "2:10" -> TensorType.F16;
            case "4:23" -> TensorType.F32;
            case "8:52" -> TensorType.F64;
            default -> TensorType.BOOL;
          };
      if (real.isReal()) {
        return real;
      }
    }
    throw malformed(
        "has tensor '"
            + name
            + "' of "
            + type.getClass().getSimpleName()
            + " of "
            + type.getSize()
            + " bytes; needed float16, float32 or float64");
  }

  private ByteBuffer numbers(String name, DataLayoutMessage layout, long count)
      throws MalformedFileException {
    if (layout instanceof CompactDataLayoutMessage compact) {
      ByteBuffer data = compact.getDataBuffer();
      if (data.limit() == count) {
        return data.order(ByteOrder.LITTLE_ENDIAN);
      }
    } else if (layout instanceof ContiguousDataLayoutMessage contiguous) {
      if (contiguous.getSize() == count || contiguous.getSize() == -1) { // not said in old files
        return storage.slice(contiguous.getAddress(), count);
      }
    } else {
      throw malformed("has tensor '" + name + "' in chunks; needed it in one piece");
    }
    throw malformed("has another number of bytes for tensor '" + name + "' than its " + count);
  }
}
