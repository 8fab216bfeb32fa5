package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** When an engine is told that a step will not come again. */
final class RecordedStepTest {
  /** The pure Java engine, as one that records steps; each call is like a first one. */
  private static Engine recording(Engine real, List<Object> known, List<Runnable> onForget) {
    return (Engine)
        Proxy.newProxyInstance(
            Engine.class.getClassLoader(),
            new Class<?>[] {Engine.class},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "recordsSteps" -> {
                  return true;
                }
                case "step" -> {
                  if (!known.contains(arguments[0])) {
                    known.add(arguments[0]);
                  }
                  ((Runnable) arguments[2]).run();
                }
                case "forgetStep" -> {
                  known.remove(arguments[0]);
                  onForget.forEach(Runnable::run);
                }
                case "close" -> {} // the other backend's to do
                default -> {
                  try {
                    return method.invoke(real, arguments);
                  } catch (InvocationTargetException e) {
                    throw Objects.requireNonNull(e.getCause());
                  }
                }
              }
              return null;
            });
  }

  @Test
  void aStepIsForgottenBeforeTheFirstOfTheThingsItUsesIsFreed() {
    List<Object> known = new ArrayList<>();
    List<Runnable> onForget = new ArrayList<>();
    try (Backend owner = Devices.open("java");
        Backend backend = new Backend(recording(owner.engine(), known, onForget))) {
      Buffer first = backend.allocate(DType.FLOAT32, 2);
      Buffer second = backend.allocate(DType.FLOAT32, 2);
      Buffer third = backend.allocate(DType.FLOAT32, 2);
      Buffer input = backend.allocate(DType.FLOAT32, 2);
      StepInput given = new StepInput(Backend.hostMemory(DType.FLOAT32, 1), input.slice(1, 1));
      for (int call = 0; call < 3; call++) {
        backend.step("a", List.of(), () -> backend.copy(first, second));
        backend.step("b", List.of(), () -> backend.copy(second.slice(0, 1), third.slice(1, 1)));
        backend.step("c", List.of(given), () -> backend.fill(third.slice(0, 1), 1f));
      }
      assertEquals(3, known.size());
      onForget.add(() -> assertFalse(second.isClosed()));
      second.slice(0, 1).close(); // a slice frees nothing
      assertEquals(3, known.size());
      second.close();
      onForget.clear();
      assertEquals(1, known.size());
      first.close();
      assertEquals(1, known.size());
      input.close();
      assertEquals(0, known.size());
    }
  }
}
