package dev.sequor.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.sequor.data.FileFault;
import dev.sequor.picture.HtmlPage;
import dev.sequor.report.TrainingObserver;
import dev.sequor.report.TrainingPage;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import dev.sequor.report.TrainingRecord.State;
import dev.sequor.report.TrainingRecorder;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Serves the page of a training while it runs, to this machine alone: the page itself, and new
 * contents of it as server-sent events. Each client has a thread of its own, so that a slow one
 * holds up nobody else; the training only counts what has changed.
 */
final class LivePage implements TrainingObserver, AutoCloseable {
  /** More clients at a time are turned away. */
  private static final int MOST_CLIENTS = 16;

  private static final long MILLIS_BETWEEN = 1000;

  /** How long clients may take for the last page. */
  private static final long FAREWELL_MILLIS = 1000;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Takes the contents as they come; has no {@code <} and no {@code &}, see {@code HtmlPage}. */
  private static final String SCRIPT =
      """
      const say = words => { document.getElementById('live').textContent = words; };
      const events = new EventSource('events');
      say('This page follows the training.');
      events.addEventListener('page', event => {
        document.querySelector('main').innerHTML = JSON.parse(event.data);
        say('This page follows the training.');
      });
      events.addEventListener('ended', () => {
        events.close();
        say('The training has ended; this page stays as it is.');
      });
      events.addEventListener('error', () => {
        say('Nothing comes from the training any more: it was stopped, or is not to be reached.');
      });
      """;

  private final HttpServer server;
  private final ExecutorService clients;
  private volatile @Nullable TrainingRecorder recorder;
  private volatile long changes;
  private volatile boolean ended;
  private int streams;

  private LivePage(HttpServer server) {
    this.server = server;
    this.clients =
        new ThreadPoolExecutor(
            0,
            MOST_CLIENTS,
            10,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            work -> {
              Thread thread = new Thread(work, "sequor-live");
              thread.setDaemon(true);
              return thread;
            });
    server.setExecutor(clients);
    server.createContext("/", this::answer);
  }

  /**
   * Takes a port of the loopback address.
   *
   * @param port 0 for any that is free
   * @throws IllegalArgumentException if it cannot be had
   */
  static LivePage open(int port) {
    try {
      InetAddress here = InetAddress.getLoopbackAddress();
      return new LivePage(HttpServer.create(new InetSocketAddress(here, port), MOST_CLIENTS));
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "--live is "
              + port
              + ": "
              + FileFault.reason(e)
              + "; needed a free port, or --live alone for any",
          e);
    }
  }

  /** Serves what {@code shown} has recorded, from now on. */
  void show(TrainingRecorder shown) {
    recorder = shown;
    server.start();
  }

  /** Where the page is. */
  String url() {
    InetSocketAddress address = server.getAddress();
    return "http://" + hostName(address.getAddress()) + ":" + address.getPort() + "/";
  }

  private static String hostName(InetAddress address) {
    String host = address.getHostAddress();
    return host.contains(":") ? "[" + host + "]" : host;
  }

  // ---- what the training says -------------------------------------------------------------------

  @Override
  public void progressed(Point point) {
    change();
  }

  @Override
  public void judged(Judgement judgement) {
    change();
  }

  @Override
  public void sampled(Sample sample) {
    change();
  }

  @Override
  public void happened(Event event) {
    change();
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread trains.
  private void change() {
    changes++;
  }

  @Override
  public synchronized void ended(State state) {
    change();
    ended = true;
    notifyAll();
  }

  // ---- what clients get -------------------------------------------------------------------------

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      if (!isAddressedHere(exchange)) {
        refuse(exchange, 403, "This page is for this machine alone.");
      } else if (!exchange.getRequestMethod().equals("GET")) {
        refuse(exchange, 405, "There is nothing but GET.");
      } else if (path.equals("/")) {
        respond(exchange, 200, "text/html; charset=utf-8", page().live(SCRIPT).html());
      } else if (path.equals("/events")) {
        stream(exchange);
      } else {
        refuse(exchange, 404, "There is no such page.");
      }
    }
  }

  /** A name that some page elsewhere has made to mean this machine is none of these. */
  private boolean isAddressedHere(HttpExchange exchange) {
    String host = exchange.getRequestHeaders().getFirst("Host");
    int port = server.getAddress().getPort();
    return host != null
        && Set.of("localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port).contains(host);
  }

  private HtmlPage page() {
    TrainingRecorder shown = recorder;
    if (shown == null) {
      throw new IllegalStateException("served before there is anything to show");
    }
    return TrainingPage.of(shown.record()).html();
  }

  private static void refuse(HttpExchange exchange, int code, String words) throws IOException {
    respond(exchange, code, "text/plain; charset=utf-8", words + "\n");
  }

  private static void respond(HttpExchange exchange, int code, String type, String body)
      throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    describe(exchange, type);
    exchange.sendResponseHeaders(code, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }

  private static void describe(HttpExchange exchange, String type) {
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", type);
    headers.set("Cache-Control", "no-store");
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("X-Frame-Options", "DENY");
    headers.set("Referrer-Policy", "no-referrer");
  }

  /** New contents whenever there are some, until the training ends or the client is gone. */
  private void stream(HttpExchange exchange) throws IOException {
    describe(exchange, "text/event-stream");
    count(1);
    try {
      exchange.sendResponseHeaders(200, 0);
      try (OutputStream out = exchange.getResponseBody()) {
        long sent = -1;
        boolean over = false;
        while (!over) {
          over = ended; // Before the contents, which are the last then.
          long now = changes;
          // A comment finds out whether the client is still there.
          send(
              out,
              sent == now ? ":\n\n" : event("page", JSON.writeValueAsString(page().content())));
          sent = now;
          if (!over) {
            pause();
          }
        }
        send(out, event("ended", "{}"));
      }
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a page cannot be written as JSON", e);
    } finally {
      count(-1);
    }
  }

  private static String event(String name, String data) {
    return "event: " + name + "\ndata: " + data + "\n\n";
  }

  private static void send(OutputStream out, String event) throws IOException {
    out.write(event.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private synchronized void count(int more) {
    streams += more;
    notifyAll();
  }

  private synchronized void pause() throws IOException {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MILLIS_BETWEEN);
    awaitUntil(until, () -> ended);
  }

  /** Waits for {@code condition}, but not for longer; holds the lock when that is asked. */
  private synchronized void awaitUntil(long nanos, BooleanSupplier condition) throws IOException {
    try {
      for (long left = nanos - System.nanoTime();
          left > 0 && !condition.getAsBoolean();
          left = nanos - System.nanoTime()) {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("stopped", e);
    }
  }

  /** Lets clients have the last page, if they are quick, and gives the port back. */
  @Override
  public void close() {
    ended(State.FAILED); // Unless it has ended already.
    try {
      awaitUntil(
          System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(FAREWELL_MILLIS), () -> streams == 0);
    } catch (IOException e) {
      // Someone is in a hurry, and the page is no reason to wait.
    }
    server.stop(0);
    clients.shutdownNow();
  }
}
