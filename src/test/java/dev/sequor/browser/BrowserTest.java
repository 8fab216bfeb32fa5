package dev.sequor.browser;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The browser itself: it is one, and nothing of it is left. */
@Timeout(120)
class BrowserTest {
  @TempDir private Path folder;

  private static void requireGone(List<ProcessHandle> processes) throws Exception {
    for (ProcessHandle each : processes) {
      each.onExit().get(20, TimeUnit.SECONDS);
      assertFalse(each.isAlive());
    }
  }

  @Test
  void nothingIsLeftOfABrowserThatWasClosed() throws Exception {
    List<ProcessHandle> processes;
    Path profile;
    try (Browser browser = Browser.startOrSkip()) {
      processes = browser.processes();
      profile = browser.folder();
      assertTrue(processes.size() > 1);
      assertTrue(Files.exists(profile));
    }
    requireGone(processes);
    assertFalse(Files.exists(profile));
  }

  /** As when the process of the tests is killed: the system closes its pipes then. */
  @Test
  void aBrowserEndsWithItsPipe() throws Exception {
    try (Browser browser = Browser.startOrSkip()) {
      List<ProcessHandle> processes = browser.processes();
      browser.abandon();
      requireGone(processes);
      assertThrows(IOException.class, () -> browser.open(folder));
    }
  }

  @Test
  void whatScriptsThrowIsSaid() throws IOException {
    Path page = Files.writeString(folder.resolve("a page.html"), "<title>a</title><p>words</p>");
    try (Browser browser = Browser.startOrSkip();
        Tab tab = browser.open(page)) {
      assertEquals("words", tab.evaluate("document.body.textContent").asText());
      assertEquals(3, tab.evaluate("Promise.resolve(1 + 2)").asInt());
      IOException said = assertThrows(IOException.class, () -> tab.evaluate("nothing.there"));
      assertTrue(said.toString().contains("nothing is not defined"), said::toString);
    }
  }
}
