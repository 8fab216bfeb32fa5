package dev.sequor.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The parent's end of a contender's process. */
final class ChildProcess implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** With {@code OPENBLAS_VERBOSE=2}. */
  private static final Pattern OPENBLAS_CORE = Pattern.compile("^Core: (\\w+)", Pattern.MULTILINE);

  /** Characters; a library that logs each call of a long case has said what it has to say. */
  private static final int MOST_BESIDES = 1_000_000;

  private final Entrant entrant;
  private final Process process;
  private final BufferedReader replies;
  private final Writer requests;
  private final Path log;

  /** What libraries print to standard output. */
  private final StringBuilder besides = new StringBuilder();

  private long heard;
  private String description = "";

  /** A child that cannot do what it was told; the message says why. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String message) {
      super(message);
    }
  }

  private ChildProcess(Entrant entrant, Process process, Path log, long logged) {
    this.log = log;
    this.heard = logged;
    this.entrant = entrant;
    this.process = process;
    this.replies =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    this.requests = process.outputWriter(StandardCharsets.UTF_8);
  }

  /**
   * Starts a child and waits until it is ready.
   *
   * @param log takes what it prints besides the protocol
   */
  static ChildProcess start(Entrant entrant, Path log) throws IOException, Refused {
    long logged = Files.exists(log) ? Files.size(log) : 0;
    ProcessBuilder builder =
        new ProcessBuilder(entrant.program().command())
            .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    Map<String, String> environment = ChildEnvironment.of(System.getenv(), entrant);
    builder.environment().clear();
    builder.environment().putAll(environment);
    ChildProcess child = new ChildProcess(entrant, builder.start(), log, logged);
    try {
      child.description = child.receive().description() + openBlasKernels(log, logged);
      return child;
    } catch (IOException | Refused e) {
      child.close();
      throw e;
    }
  }

  /** What OpenBLAS has logged of itself, if a child has loaded it. */
  static String openBlasKernels(Path log, long from) throws IOException {
    byte[] bytes = Files.readAllBytes(log);
    int start = (int) Math.min(from, bytes.length);
    Matcher core =
        OPENBLAS_CORE.matcher(
            new String(bytes, start, bytes.length - start, StandardCharsets.UTF_8));
    return core.find() ? ", OpenBLAS kernels for " + core.group(1) : "";
  }

  Entrant entrant() {
    return entrant;
  }

  /** The system in its own words. */
  String description() {
    return description;
  }

  /** Sets a case up, runs it once and says what came out. */
  Message.Reply prepare(Case what, long seed) throws IOException, Refused {
    return send(new Message.Request(Message.Command.PREPARE, what, seed, 0, 0));
  }

  /** Nanoseconds of {@code timedCalls} calls, after {@code untimedCalls} others. */
  long time(int untimedCalls, int timedCalls) throws IOException, Refused {
    return send(new Message.Request(Message.Command.TIME, null, 0, untimedCalls, timedCalls))
        .nanos();
  }

  /**
   * What it has printed besides the protocol since this was last asked, if nobody shares its log.
   */
  String said() throws IOException {
    byte[] bytes = Files.readAllBytes(log);
    int start = (int) Math.min(heard, bytes.length);
    heard = bytes.length;
    String text = besides + new String(bytes, start, bytes.length - start, StandardCharsets.UTF_8);
    besides.setLength(0);
    return text;
  }

  /** Frees the memory of the case. */
  void release() throws IOException, Refused {
    send(new Message.Request(Message.Command.RELEASE, null, 0, 0, 0));
  }

  private Message.Reply send(Message.Request request) throws IOException, Refused {
    requests.write(JSON.writeValueAsString(request));
    requests.write('\n');
    requests.flush();
    return receive();
  }

  private Message.Reply receive() throws IOException, Refused {
    for (String line = replies.readLine(); line != null; line = replies.readLine()) {
      int mark = line.indexOf(Message.MARK);
      if (mark >= 0) {
        String json = line.substring(mark + Message.MARK.length());
        Message.Reply reply = JSON.readValue(json, Message.Reply.class);
        if (reply.error() != null) {
          throw new Refused(reply.error());
        }
        return reply;
      }
      if (besides.length() < MOST_BESIDES) {
        besides.append(line).append('\n');
      }
    }
    throw new Refused("its process ended" + (process.isAlive() ? "" : exitStatus()));
  }

  private String exitStatus() {
    return " with status " + process.exitValue();
  }

  @Override
  public void close() {
    try {
      requests.close();
      if (!process.waitFor(5, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      process.destroyForcibly(); // it has gone already, or will now
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
