package dev.sequor.spark;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What tasks that run in this process, one after the other and side by side, have in common: models
 * on devices, texts. A task borrows and gives back. What nobody has borrowed for a minute is
 * closed; no thread is left when there is nothing to close.
 */
final class ExecutorCache {
  private static final Logger LOG = LoggerFactory.getLogger(ExecutorCache.class);

  /** Longer than the driver takes between two rounds, and short beside a training. */
  private static final Duration KEPT = Duration.ofSeconds(60);

  private static final Object LOCK = new Object();
  private static final List<Entry> ENTRIES = new ArrayList<>();
  private static @Nullable Thread keeper;

  private ExecutorCache() {}

  /** What there is of a key; several at once of what only one task may use at a time. */
  private static final class Entry {
    private final Object key;
    private int users = 1;
    private long idleSince;
    private boolean dismissed;
    private @Nullable AutoCloseable resource;

    Entry(Object key) {
      this.key = key;
    }
  }

  /**
   * Something borrowed.
   *
   * @param <T> of which type
   */
  static final class Loan<T extends AutoCloseable> implements AutoCloseable {
    private final Entry entry;
    private final T resource;
    private boolean returned;

    private Loan(Entry entry, T resource) {
      this.entry = entry;
      this.resource = resource;
    }

    T get() {
      return resource;
    }

    /** After a failure that may have left it unfit: it is closed when nobody uses it any more. */
    void dismiss() {
      synchronized (LOCK) {
        entry.dismissed = true;
        ENTRIES.remove(entry);
      }
    }

    /** Gives it back; more than once does nothing. */
    @Override
    public void close() {
      synchronized (LOCK) {
        if (returned) {
          return;
        }
        returned = true;
      }
      giveBack(entry);
    }
  }

  /** One that nobody else uses until it is given back. */
  static <T extends AutoCloseable> Loan<T> alone(Object key, Class<T> type, Callable<T> maker)
      throws Exception {
    return borrow(key, false, type, maker);
  }

  /** The one that all tasks use. */
  static <T extends AutoCloseable> Loan<T> shared(Object key, Class<T> type, Callable<T> maker)
      throws Exception {
    return borrow(key, true, type, maker);
  }

  private static <T extends AutoCloseable> Loan<T> borrow(
      Object key, boolean shared, Class<T> type, Callable<T> maker) throws Exception {
    Entry entry = entry(key, shared);
    try {
      synchronized (entry) { // Whoever comes second waits for the first to make it.
        if (entry.resource == null) {
          entry.resource = maker.call();
        }
        return new Loan<>(entry, type.cast(entry.resource));
      }
    } catch (Exception | Error e) {
      giveBack(entry);
      throw e;
    }
  }

  private static Entry entry(Object key, boolean shared) {
    synchronized (LOCK) {
      for (Entry each : ENTRIES) {
        if (each.key.equals(key) && (shared || each.users == 0)) {
          each.users++;
          return each;
        }
      }
      Entry made = new Entry(key);
      ENTRIES.add(made);
      return made;
    }
  }

  private static void giveBack(Entry entry) {
    synchronized (LOCK) {
      if (--entry.users > 0) {
        return;
      }
      entry.idleSince = System.nanoTime();
      if (entry.resource != null && !entry.dismissed) {
        keep();
        return;
      }
      ENTRIES.remove(entry);
    }
    close(entry);
  }

  /** Closes what is idle now, and the rest when it is given back. */
  static void closeAll() {
    List<Entry> idle = new ArrayList<>();
    synchronized (LOCK) {
      for (Iterator<Entry> all = ENTRIES.iterator(); all.hasNext(); ) {
        Entry entry = all.next();
        entry.dismissed = true;
        all.remove();
        if (entry.users == 0) {
          idle.add(entry);
        }
      }
      LOCK.notifyAll();
    }
    idle.forEach(ExecutorCache::close);
  }

  /** What is there of a type, for tests. */
  static long count(Class<?> type) {
    synchronized (LOCK) {
      return ENTRIES.stream().filter(entry -> type.isInstance(entry.resource)).count();
    }
  }

  private static void keep() {
    if (keeper == null) {
      Thread thread = new Thread(ExecutorCache::closeIdle, "sequor-executor-cache");
      thread.setDaemon(true);
      keeper = thread;
      thread.start();
    }
  }

  private static void closeIdle() {
    while (true) {
      List<Entry> idle = new ArrayList<>();
      synchronized (LOCK) {
        long now = System.nanoTime();
        ENTRIES.removeIf(
            entry -> {
              boolean old = entry.users == 0 && now - entry.idleSince >= KEPT.toNanos();
              if (old) {
                idle.add(entry);
              }
              return old;
            });
        if (ENTRIES.isEmpty()) {
          keeper = null;
        } else if (idle.isEmpty()) {
          try {
            LOCK.wait(KEPT.toMillis() / 4);
          } catch (InterruptedException e) {
            keeper = null; // Nobody is known to interrupt it; the next that is idle starts another.
            return;
          }
          continue;
        }
        if (keeper == null && idle.isEmpty()) {
          return;
        }
      }
      idle.forEach(ExecutorCache::close);
    }
  }

  private static void close(Entry entry) {
    AutoCloseable resource = entry.resource;
    if (resource != null) {
      try {
        resource.close();
      } catch (Exception | Error e) {
        LOG.warn("{} was not closed: {}", entry.key, String.valueOf(e), e);
      }
    }
  }
}
