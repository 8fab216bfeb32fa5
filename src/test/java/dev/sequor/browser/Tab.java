package dev.sequor.browser;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A page in the browser. */
public final class Tab implements AutoCloseable {
  private static final long LOADS_WITHIN_SECONDS = 30;

  private final DevTools tools;
  private final String target;
  private final String session;
  private final List<String> requests = new ArrayList<>();
  private final List<String> complaints = new ArrayList<>();
  private final CountDownLatch loaded = new CountDownLatch(1);

  Tab(DevTools tools, String target, String session) {
    this.tools = tools;
    this.target = target;
    this.session = session;
  }

  void load(URI page) throws IOException {
    tools.listen(session, this::hear);
    for (String domain : List.of("Page", "Network", "Log", "Runtime")) {
      call(domain + ".enable", DevTools.parameters());
    }
    // Else keys go nowhere, for no window has the focus.
    call("Emulation.setFocusEmulationEnabled", DevTools.parameters().put("enabled", true));
    show(View.DESKTOP);
    call("Page.navigate", DevTools.parameters().put("url", page.toString()));
    try {
      if (!loaded.await(LOADS_WITHIN_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException(page + ": not loaded in " + LOADS_WITHIN_SECONDS + " s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(page + ": interrupted", e);
    }
    try (var script = Tab.class.getResourceAsStream("checks.js")) {
      String text =
          new String(Objects.requireNonNull(script).readAllBytes(), StandardCharsets.UTF_8);
      evaluate("globalThis.checks = " + text);
    }
  }

  private void hear(JsonNode event) {
    JsonNode of = event.path("params");
    synchronized (this) {
      switch (event.path("method").asText()) {
        case "Page.loadEventFired" -> loaded.countDown();
        case "Network.requestWillBeSent" -> requests.add(of.at("/request/url").asText());
        case "Log.entryAdded" -> complaints.add(of.at("/entry/text").asText());
        case "Runtime.exceptionThrown" -> complaints.add(of.get("exceptionDetails").toString());
        case "Runtime.consoleAPICalled" -> complaints.add(of.get("args").toString());
        default -> {}
      }
    }
  }

  private JsonNode call(String method, ObjectNode parameters) throws IOException {
    return tools.call(session, method, parameters);
  }

  /** The addresses of all that was asked for so far, the page first. */
  public synchronized List<String> requests() {
    return List.copyOf(requests);
  }

  /** What stands in its console: errors, refusals by its policy, and whatever else. */
  public synchronized List<String> complaints() {
    return List.copyOf(complaints);
  }

  /**
   * The value of an expression of JavaScript; of a promise, what it becomes.
   *
   * @throws IOException if it throws
   */
  public JsonNode evaluate(String expression) throws IOException {
    JsonNode said =
        call(
            "Runtime.evaluate",
            DevTools.parameters()
                .put("expression", expression)
                .put("returnByValue", true)
                .put("awaitPromise", true));
    if (said.has("exceptionDetails")) {
      throw new IOException(expression + ": " + said.get("exceptionDetails"));
    }
    return said.at("/result/value");
  }

  /** The strings of a list. */
  List<String> strings(String expression) throws IOException {
    List<String> strings = new ArrayList<>();
    evaluate(expression).forEach(each -> strings.add(each.asText()));
    return strings;
  }

  /** Shows it there. */
  public void show(View view) throws IOException {
    call(
        "Emulation.setDeviceMetricsOverride",
        DevTools.parameters()
            .put("width", view.width())
            .put("height", view.height())
            .put("deviceScaleFactor", 1)
            .put("mobile", view.width() < 500));
    ObjectNode media = DevTools.parameters().put("media", view.paper() ? "print" : "screen");
    media
        .putArray("features")
        .addObject()
        .put("name", "prefers-color-scheme")
        .put("value", view.dark() ? "dark" : "light");
    call("Emulation.setEmulatedMedia", media);
  }

  /** Shows it there, all of it at once. */
  public void showAll(View view) throws IOException {
    show(view);
    show(view.height(evaluate("document.documentElement.scrollHeight").asInt()));
  }

  /** Writes what is in sight, as PNG. */
  public void screenshot(Path file) throws IOException {
    JsonNode shot = call("Page.captureScreenshot", DevTools.parameters().put("format", "png"));
    Files.createDirectories(Objects.requireNonNull(file.getParent()));
    Files.write(file, Base64.getDecoder().decode(shot.get("data").asText()));
  }

  /** The page as a PDF. */
  byte[] pdf() throws IOException {
    JsonNode printed = call("Page.printToPDF", DevTools.parameters().put("printBackground", true));
    return Base64.getDecoder().decode(printed.get("data").asText());
  }

  /** Presses the key that goes to the next element. */
  void pressTab() throws IOException {
    for (String type : List.of("rawKeyDown", "keyUp")) {
      call(
          "Input.dispatchKeyEvent",
          DevTools.parameters()
              .put("type", type)
              .put("key", "Tab")
              .put("code", "Tab")
              .put("windowsVirtualKeyCode", 9));
    }
  }

  /** What voices are told: role and name of every node that they know of. */
  JsonNode accessibilityTree() throws IOException {
    call("Accessibility.enable", DevTools.parameters());
    return call("Accessibility.getFullAXTree", DevTools.parameters()).get("nodes");
  }

  @Override
  public void close() throws IOException {
    tools.leave(session);
    tools.call("", "Target.closeTarget", DevTools.parameters().put("targetId", target));
  }
}
