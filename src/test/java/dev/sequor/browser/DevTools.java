package dev.sequor.browser;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The DevTools protocol over two pipes: messages are JSON, each ended by a zero byte. Calls wait
 * for their answer; events go to whoever listens to their session.
 */
final class DevTools {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long PATIENCE_SECONDS = 30;

  private final OutputStream to;
  private final AtomicLong calls = new AtomicLong();
  private final Map<Long, CompletableFuture<JsonNode>> awaited = new ConcurrentHashMap<>();
  private final Map<String, Consumer<JsonNode>> listeners = new ConcurrentHashMap<>();
  private volatile boolean ended;

  DevTools(InputStream from, OutputStream to) {
    this.to = to;
    Thread reader = new Thread(() -> readAll(from), "devtools");
    reader.setDaemon(true);
    reader.start();
  }

  private void readAll(InputStream from) {
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    byte[] bytes = new byte[1 << 16];
    try (from) {
      for (int count = from.read(bytes); count >= 0; count = from.read(bytes)) {
        int begin = 0;
        for (int i = 0; i < count; i++) {
          if (bytes[i] == 0) {
            message.write(bytes, begin, i - begin);
            hand(JSON.readTree(message.toByteArray()));
            message.reset();
            begin = i + 1;
          }
        }
        message.write(bytes, begin, count - begin);
      }
      end(new IOException("the browser has ended"));
    } catch (IOException e) {
      end(e);
    }
  }

  private void hand(JsonNode message) {
    if (message.has("id")) {
      CompletableFuture<JsonNode> call = awaited.remove(message.get("id").asLong());
      if (call != null) {
        call.complete(message);
      }
    } else {
      Consumer<JsonNode> listener = listeners.get(message.path("sessionId").asText());
      if (listener != null) {
        listener.accept(message);
      }
    }
  }

  private void end(IOException why) {
    ended = true;
    awaited.values().forEach(call -> call.completeExceptionally(why));
  }

  static ObjectNode parameters() {
    return JSON.createObjectNode();
  }

  /** Hands events of a session to {@code listener}, on the thread that reads. */
  void listen(String session, Consumer<JsonNode> listener) {
    listeners.put(session, listener);
  }

  void leave(String session) {
    listeners.remove(session);
  }

  /**
   * Calls a method and waits for its result.
   *
   * @param session of a page; {@code ""} for the browser itself
   * @throws IOException if it refuses, has ended or does not answer in half a minute
   */
  JsonNode call(String session, String method, ObjectNode parameters) throws IOException {
    long id = calls.incrementAndGet();
    ObjectNode message = JSON.createObjectNode();
    message.put("id", id).put("method", method).set("params", parameters);
    if (!session.isEmpty()) {
      message.put("sessionId", session);
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    awaited.put(id, answer);
    try {
      synchronized (to) {
        to.write(JSON.writeValueAsBytes(message));
        to.write(0);
        to.flush();
      }
      if (ended) {
        throw new IOException("the browser has ended");
      }
      JsonNode said = answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (said.has("error")) {
        throw new IOException(method + ": " + said.get("error"));
      }
      return said.get("result");
    } catch (TimeoutException e) {
      throw new IOException(method + ": no answer in " + PATIENCE_SECONDS + " s", e);
    } catch (ExecutionException e) {
      throw new IOException(method + ": " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(method + ": interrupted", e);
    } finally {
      awaited.remove(id);
    }
  }
}
