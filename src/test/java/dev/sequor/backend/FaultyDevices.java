package dev.sequor.backend;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Collections;
import java.util.List;

/** Groups of {@code java} backends of which one fails when it is told to. */
public final class FaultyDevices {
  private volatile String fault = "";
  private final int faulty;

  /** Device {@code faulty} is the one that fails. */
  public FaultyDevices(int faulty) {
    this.faulty = faulty;
  }

  /** The next call of this method of its engine fails; {@code ""} for none. */
  public void failAt(String method) {
    fault = method;
  }

  /** Whether the fault that was planted last has happened. */
  public boolean hasFailed() {
    return fault.isEmpty();
  }

  /** A group of so many. */
  public DeviceGroup open(int devices) {
    List<String> names = Collections.nCopies(devices, "java");
    return DeviceGroup.open(
        names,
        index -> {
          Backend backend = Devices.open("java");
          return index == faulty ? new Backend(failing(backend.engine())) : backend;
        });
  }

  private Engine failing(Engine engine) {
    return (Engine)
        Proxy.newProxyInstance(
            Engine.class.getClassLoader(),
            new Class<?>[] {Engine.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals(fault)) {
                fault = "";
                throw new BackendException("planted in " + method.getName());
              }
              try {
                return method.invoke(engine, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
