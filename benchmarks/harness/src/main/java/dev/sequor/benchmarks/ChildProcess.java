package dev.sequor.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The parent's end of a contender's process. */
final class ChildProcess implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Entrant entrant;
  private final Process process;
  private final BufferedReader replies;
  private final Writer requests;
  private String description = "";

  /** A child that cannot do what it was told; the message says why. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String message) {
      super(message);
    }
  }

  private ChildProcess(Entrant entrant, Process process) {
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
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED");
      command.add("--sun-misc-unsafe-memory-access=allow");
    }
    // The serial collector has no threads of its own that could disturb whoever is being timed.
    command.add("-XX:+UseSerialGC");
    command.add("-Xmx6g");
    command.add("-Dorg.bytedeco.javacpp.maxBytes=0");
    command.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    command.add("-cp");
    command.add(entrant.classPath());
    command.add(entrant.mainClass());
    command.addAll(entrant.arguments());
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(entrant.environment());
    ChildProcess child = new ChildProcess(entrant, builder.start());
    try {
      child.description = child.receive().description();
      return child;
    } catch (IOException | Refused e) {
      child.close();
      throw e;
    }
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
