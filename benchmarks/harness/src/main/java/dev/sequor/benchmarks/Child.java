package dev.sequor.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

/**
 * The loop of a contender's process: does what standard input says, line by line, and otherwise
 * sleeps. Ends with its input, and so with its parent.
 */
public final class Child {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Contender contender;
  private Trial trial;

  private Child(Contender contender) {
    this.contender = contender;
  }

  /** Runs a contender until standard input ends. */
  public static void serve(Callable<Contender> start) throws IOException {
    PrintStream out = System.out;
    System.setOut(System.err);
    Child child;
    try {
      child = new Child(start.call());
    } catch (Exception | LinkageError e) {
      send(out, new Message.Reply(explain(e), null, 0, null));
      return;
    }
    send(out, new Message.Reply(null, child.contender.describe(), 0, null));
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      Message.Reply reply;
      try {
        reply = child.obey(JSON.readValue(line, Message.Request.class));
      } catch (Exception | LinkageError | OutOfMemoryError e) {
        reply = new Message.Reply(explain(e), null, 0, null);
      }
      send(out, reply);
    }
  }

  private static void send(PrintStream out, Message.Reply reply) throws IOException {
    out.println(Message.MARK + JSON.writeValueAsString(reply));
    out.flush();
  }

  private static String explain(Throwable e) {
    String text = e.getClass().getSimpleName() + ": " + e.getMessage();
    return e.getCause() == null ? text : text + "; " + explain(e.getCause());
  }

  private Message.Reply obey(Message.Request request) throws Exception {
    switch (request.command()) {
      case PREPARE -> {
        release();
        trial = contender.prepare(request.what(), new Problem(request.what(), request.seed()));
        long start = System.nanoTime();
        trial.run();
        long nanos = System.nanoTime() - start;
        Map<String, Digest> digests = new LinkedHashMap<>();
        trial.results().forEach((name, tensor) -> digests.put(name, Digest.of(tensor)));
        return new Message.Reply(null, null, nanos, digests);
      }
      case TIME -> {
        for (int call = 0; call < request.untimedCalls(); call++) {
          trial.run();
        }
        long start = System.nanoTime();
        for (int call = 0; call < request.timedCalls(); call++) {
          trial.run();
        }
        return new Message.Reply(null, null, System.nanoTime() - start, null);
      }
      default -> {
        release();
        return new Message.Reply(null, null, 0, null);
      }
    }
  }

  private void release() throws Exception {
    if (trial != null) {
      Trial old = trial;
      trial = null;
      old.close();
      // The next case starts from a clean heap, and no collection falls into another's time.
      System.gc();
    }
  }
}
