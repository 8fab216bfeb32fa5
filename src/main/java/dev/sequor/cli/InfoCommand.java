package dev.sequor.cli;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Devices;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Lists the backends, best first. */
@Command(
    name = "info",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Lists the backends, best first.",
    description = "Says of each whether it works here, and if not why, and the cure.")
final class InfoCommand implements Callable<Integer> {
  @Mixin private Console console = new Console();

  @Override
  public Integer call() {
    List<Map<String, Object>> backends = new ArrayList<>();
    Optional<String> named = Devices.namedForAuto();
    @Nullable String chosen = named.orElse(null);
    for (Devices.Status status : Devices.survey()) {
      Availability availability = status.availability();
      if (availability.usable() && chosen == null) {
        chosen = status.name();
      }
      Map<String, Object> backend = new LinkedHashMap<>();
      backend.put("name", status.name());
      backend.put("usable", availability.usable());
      backend.put("reason", availability.reason());
      backend.put("cure", availability.cure());
      backends.add(backend);
      if (!console.isJson()) {
        console
            .words()
            .println(
                String.format(
                    Locale.ROOT,
                    "%-5s %-10s %s%s%s",
                    status.name(),
                    availability.usable() ? "usable" : "not usable",
                    availability.reason(),
                    availability.cure().isEmpty() ? "" : "; cure: " + availability.cure(),
                    status.name().equals(kindOf(chosen)) ? "  <- auto" : ""));
      }
    }
    if (!console.isJson() && chosen == null) {
      console.words().println("no backend is usable");
    }
    Map<String, @Nullable Object> result = new LinkedHashMap<>();
    result.put("backends", backends);
    result.put("chosen", chosen);
    console.result(result);
    return 0;
  }

  /** Of {@code cuda:1}, say, {@code cuda}. */
  private static @Nullable String kindOf(@Nullable String device) {
    return device == null ? null : device.split(":", -1)[0];
  }
}
