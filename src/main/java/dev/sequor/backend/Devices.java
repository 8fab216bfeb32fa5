package dev.sequor.backend;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens backends by name. */
public final class Devices {
  private static final Logger LOG = LoggerFactory.getLogger(Devices.class);

  private Devices() {}

  /** What {@link #survey()} says of one provider. */
  public record Status(String name, Availability availability) {}

  /** All providers, best first. */
  private static List<BackendProvider> providers() {
    List<BackendProvider> providers = new ArrayList<>();
    ServiceLoader.load(BackendProvider.class, Devices.class.getClassLoader())
        .forEach(providers::add);
    providers.sort(Comparator.comparingInt(BackendProvider::priority).reversed());
    return providers;
  }

  /** Probes every provider, best first. */
  public static List<Status> survey() {
    return providers().stream().map(p -> new Status(p.name(), p.probe())).toList();
  }

  /**
   * Opens the best device of this machine and logs, once per call, what was chosen and why each
   * better one was skipped.
   *
   * @throws BackendUnavailableException if none works; names every cause
   * @throws IllegalArgumentException if a setting of a device is not valid
   */
  public static Backend auto() {
    return auto(BackendSettings.defaults());
  }

  /**
   * The same, with settings for this backend alone.
   *
   * @throws BackendUnavailableException as {@link #auto()}
   * @throws IllegalArgumentException as {@link #auto()}
   */
  public static Backend auto(BackendSettings settings) {
    Required.present("settings", settings);
    List<String> skipped = new ArrayList<>();
    for (BackendProvider provider : providers()) {
      Availability availability = provider.probe(settings);
      if (availability.usable()) {
        Backend backend = provider.open(0, settings);
        if (skipped.isEmpty()) {
          LOG.info("using {}", backend.name());
        } else {
          LOG.info("using {}; skipped {}", backend.name(), String.join("; ", skipped));
        }
        return backend;
      }
      refuseBadSetting(availability);
      skipped.add(explain(provider.name(), availability));
    }
    throw new BackendUnavailableException("no backend is usable: " + String.join("; ", skipped));
  }

  /**
   * Opens exactly the device asked for, never another.
   *
   * @param device {@code auto}, {@code cpu}, {@code java}, {@code cuda} or {@code cuda:N}
   * @throws BackendUnavailableException if it cannot be used; names the cause and the cure
   * @throws IllegalArgumentException if {@code device} has another form, or a setting of the device
   *     is not valid
   */
  public static Backend open(String device) {
    return open(device, BackendSettings.defaults());
  }

  /**
   * The same, with settings for this backend alone.
   *
   * @throws BackendUnavailableException as {@link #open(String)}
   * @throws IllegalArgumentException as {@link #open(String)}
   */
  public static Backend open(String device, BackendSettings settings) {
    Required.present("device", device);
    Required.present("settings", settings);
    if (device.equals("auto")) {
      return auto(settings);
    }
    int colon = device.indexOf(':');
    String name = colon < 0 ? device : device.substring(0, colon);
    int ordinal = colon < 0 ? 0 : ordinal(device, device.substring(colon + 1));
    List<String> known = new ArrayList<>();
    for (BackendProvider provider : providers()) {
      known.add(provider.name());
      if (provider.name().equals(name)) {
        Availability availability = provider.probe(settings);
        if (availability.usable()) {
          return provider.open(ordinal, settings);
        }
        refuseBadSetting(availability);
        String message = "device '" + device + "' is not usable: " + explain(name, availability);
        throw availability.cause() == null
            ? new BackendUnavailableException(message)
            : new BackendUnavailableException(message, availability.cause());
      }
    }
    throw new BackendUnavailableException(
        "device '"
            + device
            + "' is not usable: this build has no backend named '"
            + name
            + "'; it has "
            + String.join(", ", known));
  }

  /** A device that was only set up wrongly is the user's to correct, not to be passed over. */
  private static void refuseBadSetting(Availability availability) {
    if (availability.cause() instanceof IllegalArgumentException badSetting) {
      throw badSetting;
    }
  }

  private static int ordinal(String device, String digits) {
    try {
      int ordinal = Integer.parseInt(digits);
      if (ordinal >= 0) {
        return ordinal;
      }
    } catch (NumberFormatException e) {
      // Reported below, with the form that was needed.
    }
    throw new IllegalArgumentException(
        "device '" + device + "' does not end in a device number; needed for example cuda:0");
  }

  private static String explain(String name, Availability availability) {
    return name
        + ": "
        + availability.reason()
        + (availability.cure().isEmpty() ? "" : " (cure: " + availability.cure() + ")");
  }
}
