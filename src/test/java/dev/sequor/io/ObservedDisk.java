package dev.sequor.io;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The default file system, with all changes of it seen, in their order, by an observer that may
 * refuse them: {@code write NAME}, {@code force NAME}, {@code rename NAME to NAME}, {@code delete
 * NAME}, {@code create NAME}. Paths of it are made by {@link #path}.
 */
@SuppressWarnings({
  "unchecked",
  "NullAway"
}) // What is handed on is what the real one takes and gives.
final class ObservedDisk extends FileSystemProvider {
  /** Told of a change before it is made. */
  interface Observer {
    void change(String what) throws IOException;
  }

  private final FileSystem realSystem = FileSystems.getDefault();
  private final FileSystemProvider real = realSystem.provider();
  private final FileSystem system = new DiskSystem();
  private final Observer observer;

  ObservedDisk(Observer observer) {
    this.observer = observer;
  }

  /** What stands behind a path of this disk. */
  private interface Observed {
    Path observedPath();
  }

  /** {@code path} of the default file system, on this disk. */
  Path path(Path path) {
    return (Path)
        Proxy.newProxyInstance(
            ObservedDisk.class.getClassLoader(),
            new Class<?>[] {Path.class, Observed.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("observedPath")) {
                return path;
              } else if (method.getName().equals("getFileSystem")) {
                return system;
              }
              Object[] given = arguments == null ? new Object[0] : arguments.clone();
              for (int i = 0; i < given.length; i++) {
                given[i] = given[i] instanceof Path p ? real(p) : given[i];
              }
              try {
                return wrapped(method.invoke(path, given));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private @Nullable Object wrapped(@Nullable Object result) {
    if (result instanceof Path p) {
      return path(p);
    } else if (result instanceof Iterator<?> parts) {
      List<Object> wrapped = new ArrayList<>();
      parts.forEachRemaining(part -> wrapped.add(path((Path) part)));
      return wrapped.iterator();
    }
    return result;
  }

  private static Path real(Path path) {
    return path instanceof Observed observed ? observed.observedPath() : path;
  }

  private void change(String what, Path path) throws IOException {
    observer.change(what + " " + path.getFileName());
  }

  @Override
  public FileChannel newFileChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    return new Channel(path, real.newFileChannel(real(path), options, attributes));
  }

  @Override
  public SeekableByteChannel newByteChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    return newFileChannel(path, options, attributes);
  }

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path directory, DirectoryStream.Filter<? super Path> filter) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(real(directory))) {
      for (Path entry : stream) {
        if (filter.accept(path(entry))) {
          entries.add(path(entry));
        }
      }
    }
    entries.sort((a, b) -> real(a).compareTo(real(b)));
    return new DirectoryStream<>() {
      @Override
      public Iterator<Path> iterator() {
        return entries.iterator();
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
    if (!Files.exists(real(path))) {
      change("create", path);
    }
    real.createDirectory(real(path), attributes);
  }

  @Override
  public void delete(Path path) throws IOException {
    if (Files.exists(real(path))) {
      change("delete", path);
    }
    real.delete(real(path));
  }

  @Override
  public void move(Path source, Path target, CopyOption... options) throws IOException {
    observer.change("rename " + source.getFileName() + " to " + target.getFileName());
    real.move(real(source), real(target), options);
  }

  @Override
  public void copy(Path source, Path target, CopyOption... options) throws IOException {
    change("copy to", target);
    real.copy(real(source), real(target), options);
  }

  @Override
  public String getScheme() {
    return "observed";
  }

  @Override
  public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
    throw new UnsupportedOperationException();
  }

  @Override
  public FileSystem getFileSystem(URI uri) {
    return system;
  }

  @Override
  public Path getPath(URI uri) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean isSameFile(Path path, Path other) throws IOException {
    return real.isSameFile(real(path), real(other));
  }

  @Override
  public boolean isHidden(Path path) throws IOException {
    return real.isHidden(real(path));
  }

  @Override
  public FileStore getFileStore(Path path) throws IOException {
    return real.getFileStore(real(path));
  }

  @Override
  public void checkAccess(Path path, AccessMode... modes) throws IOException {
    real.checkAccess(real(path), modes);
  }

  @Override
  public <V extends FileAttributeView> V getFileAttributeView(
      Path path, Class<V> type, LinkOption... options) {
    return real.getFileAttributeView(real(path), type, options);
  }

  @Override
  public <A extends BasicFileAttributes> A readAttributes(
      Path path, Class<A> type, LinkOption... options) throws IOException {
    return real.readAttributes(real(path), type, options);
  }

  @Override
  public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options)
      throws IOException {
    return real.readAttributes(real(path), attributes, options);
  }

  @Override
  public void setAttribute(Path path, String attribute, Object value, LinkOption... options)
      throws IOException {
    real.setAttribute(real(path), attribute, value, options);
  }

  private final class DiskSystem extends FileSystem {
    @Override
    public FileSystemProvider provider() {
      return ObservedDisk.this;
    }

    @Override
    public void close() {}

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public boolean isReadOnly() {
      return false;
    }

    @Override
    public String getSeparator() {
      return realSystem.getSeparator();
    }

    @Override
    public Iterable<Path> getRootDirectories() {
      return List.of();
    }

    @Override
    public Iterable<FileStore> getFileStores() {
      return List.of();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
      return realSystem.supportedFileAttributeViews();
    }

    @Override
    public Path getPath(String first, String... more) {
      return path(realSystem.getPath(first, more));
    }

    @Override
    public PathMatcher getPathMatcher(String pattern) {
      throw new UnsupportedOperationException();
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
      throw new UnsupportedOperationException();
    }

    @Override
    public WatchService newWatchService() {
      throw new UnsupportedOperationException();
    }
  }

  private final class Channel extends FileChannel {
    private final Path path;
    private final FileChannel channel;

    Channel(Path path, FileChannel channel) {
      this.path = path;
      this.channel = channel;
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      return channel.read(target);
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) throws IOException {
      return channel.read(targets, offset, length);
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
      return channel.read(target, position);
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      change("write", path);
      return channel.write(source);
    }

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) throws IOException {
      change("write", path);
      return channel.write(sources, offset, length);
    }

    @Override
    public int write(ByteBuffer source, long position) throws IOException {
      change("write", path);
      return channel.write(source, position);
    }

    @Override
    public long position() throws IOException {
      return channel.position();
    }

    @Override
    public FileChannel position(long position) throws IOException {
      channel.position(position);
      return this;
    }

    @Override
    public long size() throws IOException {
      return channel.size();
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
      change("truncate", path);
      channel.truncate(size);
      return this;
    }

    @Override
    public void force(boolean metadata) throws IOException {
      change("force", path);
      channel.force(metadata);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target)
        throws IOException {
      return channel.transferTo(position, count, target);
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count)
        throws IOException {
      change("write", path);
      return channel.transferFrom(source, position, count);
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
      return channel.map(mode, position, size);
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
      return channel.lock(position, size, shared);
    }

    @Override
    public @Nullable FileLock tryLock(long position, long size, boolean shared) throws IOException {
      return channel.tryLock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
      channel.close();
    }
  }
}
