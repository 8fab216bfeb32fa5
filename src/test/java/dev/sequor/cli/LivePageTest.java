package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.browser.Browser;
import dev.sequor.browser.Tab;
import dev.sequor.report.ReadPage;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import dev.sequor.report.TrainingRecord.State;
import dev.sequor.report.TrainingRecorder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The live page: what clients get, what they cannot do, and how it ends. */
@Timeout(120)
class LivePageTest {
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final TrainingRecorder recorder =
      new TrainingRecorder(
          TrainingRecord.begin(
              "live & well",
              new TrainingRecord.Subject("s", "", "nats", "tokens", "h", "held-out"),
              Map.of(),
              Map.of(),
              9,
              0));
  private final LivePage live = LivePage.open(0);

  @TempDir Path folder;

  @AfterEach
  void close() {
    live.close();
  }

  private void step(long step) {
    Point point = Point.report(step, 1, 1.0 / step, 1, 1, 0, false, 1, 0.5 * step);
    recorder.progressed(point);
    live.progressed(point);
  }

  private HttpResponse<String> get(String path) throws Exception {
    return client.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(live.url()).resolve(path))
        .timeout(Duration.ofSeconds(60));
  }

  /** One client's stream of events. */
  private final class Stream implements AutoCloseable {
    private final InputStream body;
    private final BufferedReader lines;

    Stream() throws Exception {
      HttpResponse<InputStream> response =
          client.send(request("events").build(), HttpResponse.BodyHandlers.ofInputStream());
      assertEquals(200, response.statusCode());
      assertEquals("text/event-stream", response.headers().firstValue("content-type").orElse(""));
      body = response.body();
      lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
    }

    /** The next event, its name and its data; empty at the end. */
    List<String> next() throws IOException {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("event: ")) {
          String data = lines.readLine();
          assertEquals("", lines.readLine());
          return List.of(line.substring(7), data.substring("data: ".length()));
        }
        assertTrue(line.isEmpty() || line.equals(":"), line);
      }
      return List.of();
    }

    @Override
    public void close() throws IOException {
      body.close();
    }
  }

  @Test
  void thePageIsThatOfTheTrainingAndItsScriptTheOneAllowed() throws Exception {
    step(1);
    live.show(recorder);
    HttpResponse<String> page = get("");
    assertEquals(200, page.statusCode());
    ReadPage read = ReadPage.of(page.body());
    assertEquals(List.of("live & well"), read.texts("h1"));
    String script = read.texts("script").get(0);
    String hash =
        Base64.getEncoder()
            .encodeToString(
                MessageDigest.getInstance("SHA-256")
                    .digest(script.getBytes(StandardCharsets.UTF_8)));
    assertTrue(
        page.body()
            .contains(
                "content=\"default-src 'none'; script-src 'sha256-"
                    + hash
                    + "'; connect-src 'self'; style-src 'unsafe-inline'; base-uri 'none';"));
    assertEquals("no-store", page.headers().firstValue("cache-control").orElse(""));
    assertEquals(404, get("other").statusCode());
    HttpRequest post = request("").POST(HttpRequest.BodyPublishers.ofString("x")).build();
    assertEquals(405, client.send(post, HttpResponse.BodyHandlers.ofString()).statusCode());
  }

  @Test
  void everyClientHearsOfChangesAndOfTheEnd() throws Exception {
    live.show(recorder);
    try (Stream first = new Stream();
        Stream second = new Stream()) {
      for (Stream each : List.of(first, second)) {
        List<String> event = each.next();
        assertEquals("page", event.get(0));
        String content = new ObjectMapper().readTree(event.get(1)).asText();
        assertTrue(content.startsWith("<h1>live &amp; well</h1>"), content);
        assertTrue(content.contains("step 0 of 9"), content);
      }
      step(1);
      step(2);
      for (Stream each : List.of(first, second)) {
        String later = each.next().get(1);
        assertTrue(later.contains("step 1 of 9") || later.contains("step 2 of 9"), later);
      }
      step(9);
      recorder.ended(State.COMPLETED);
      live.ended(State.COMPLETED);
      for (Stream each : List.of(first, second)) {
        List<String> event = each.next();
        while (!event.get(1).contains("complete")) {
          event = each.next();
        }
        assertTrue(event.get(1).contains("step 9 of 9; complete"), event::toString);
        assertEquals("ended", each.next().get(0));
        assertEquals(List.of(), each.next());
      }
    }
    live.close();
    assertThrows(IOException.class, () -> get(""));
  }

  /** Another site's name for this machine must not be enough to read what is trained here. */
  @Test
  void onlyRequestsToThisMachineAreAnswered() throws Exception {
    step(1);
    live.show(recorder);
    int port = URI.create(live.url()).getPort();
    for (String host :
        List.of("evil.example:" + port, "127.0.0.1", "127.0.0.1:1", "localhost.evil")) {
      String answer =
          raw(port, "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
      assertTrue(answer.startsWith("HTTP/1.1 403 "), answer);
      assertFalse(answer.contains("live &amp; well"), answer);
    }
    String answer =
        raw(port, "GET / HTTP/1.1\r\nHost: localhost:" + port + "\r\nConnection: close\r\n\r\n");
    assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
    assertTrue(InetAddress.getByName(URI.create(live.url()).getHost()).isLoopbackAddress());
  }

  private static String raw(int port, String request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Those that never read, or say nothing, hold up neither others nor the end. */
  @Test
  void clientsThatStandStillHoldUpNobody() throws Exception {
    recorder.sampled(Sample.of(1, "x".repeat(9_000)));
    for (int step = 1; step <= 1000; step++) {
      step(step);
    }
    live.show(recorder);
    int port = URI.create(live.url()).getPort();
    List<Socket> still = new ArrayList<>();
    try {
      for (int i = 0; i < 5; i++) {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(1024);
        socket.connect(new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        still.add(socket);
        String request =
            i < 4 ? "GET /events HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n" : "GE";
        socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
      }
      assertEquals(200, get("").statusCode());
      for (int step = 1001; step <= 5000; step++) {
        step(step);
      }
      assertEquals(200, get("").statusCode());
      live.ended(State.COMPLETED);
      live.close();
    } finally {
      for (Socket socket : still) {
        socket.close();
      }
    }
  }

  @Test
  void aTrainingSaysWhereItsPageIsAndEndsWithIt() throws IOException {
    List<Object> arguments = train("--live");
    CommandLineRun run = CommandLineRun.of(arguments.toArray()).succeeds();
    assertTrue(
        run.err().lines().anyMatch(line -> line.matches("live at http://127\\.0\\.0\\.1:\\d+/")),
        run.err());
  }

  private List<Object> train(Object... live) throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
    List<Object> arguments = new ArrayList<>(List.of("train"));
    arguments.addAll(List.of(live));
    arguments.addAll(List.of("--text", text, "--out", folder.resolve("model")));
    arguments.addAll(EveryCommand.smallest());
    return arguments;
  }

  @Test
  void aPortInUseIsRefusedBeforeAnythingIsDone() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      int port = taken.getLocalPort();
      CommandLineRun.of(train("--live", port).toArray())
          .isRefusedWith(2, "--live is " + port + ": address already in use; needed a free port");
      assertFalse(Files.exists(folder.resolve("model")));
    }
  }

  /** What the script does cannot be seen without a browser. */
  @Test
  void aBrowserFollowsTheTrainingToItsEnd() throws Exception {
    try (Browser browser = Browser.startOrSkip()) {
      step(1);
      live.show(recorder);
      try (Tab tab = browser.open(URI.create(live.url()))) {
        await(tab, "document.body.innerText.includes('This page follows the training.')");
        step(2);
        step(3);
        await(tab, "document.querySelector('main').innerText.includes('step 3 of 9')");
        await(tab, "document.querySelectorAll('svg[role=img]').length > 0");
        live.ended(State.COMPLETED);
        await(tab, "document.body.innerText.includes('The training has ended')");
        assertEquals(List.of(), tab.complaints());
        assertEquals(
            List.of(live.url(), live.url() + "events"),
            tab.requests().stream().distinct().toList());
      }
    }
  }

  private static void await(Tab tab, String condition) throws IOException {
    String text =
        tab.evaluate(
                "new Promise(done => { let left = 200; const look = () => { if ("
                    + condition
                    + ") done(''); else if (left-- == 0) done(document.body.innerText);"
                    + " else setTimeout(look, 50); }; look(); })")
            .asText();
    assertEquals("", text, () -> condition + " did not come true");
  }
}
