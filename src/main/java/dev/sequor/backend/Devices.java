package dev.sequor.backend;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens backends by name. */
public final class Devices {
  private static final Logger LOG = LoggerFactory.getLogger(Devices.class);

  static final String AUTO = "auto";
  private static final String SETTING = "sequor.device";

  private Devices() {}

  /** What {@link #survey()} says of one provider. */
  public record Status(String name, Availability availability) {
    /** In one line: the name, the reason, and the cure if there is one. */
    public String inWords() {
      return name
          + ": "
          + availability.reason()
          + (availability.cure().isEmpty() ? "" : " (cure: " + availability.cure() + ")");
    }
  }

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
   * What {@code auto} stands for.
   *
   * @param device its name, as {@link #open(String)} takes it
   * @param passedOver better ones that cannot be used, best first
   */
  public record Choice(String device, List<Status> passedOver) {
    /** Copies the list. */
    public Choice {
      passedOver = List.copyOf(passedOver);
    }

    /** Those that ought to work on this machine: somebody will want to know why they do not. */
    public List<Status> broken() {
      return passedOver.stream().filter(status -> !status.availability().absent()).toList();
    }
  }

  /** What {@code SEQUOR_DEVICE} or {@code sequor.device} names, if that is a device. */
  public static Optional<String> namedForAuto() {
    return Optional.ofNullable(HostSettings.value(SETTING)).filter(name -> !name.equals(AUTO));
  }

  /**
   * Chooses what {@link #auto(BackendSettings)} opens: the device that {@code SEQUOR_DEVICE} or the
   * system property {@code sequor.device} names, or else the best that works here.
   *
   * @throws BackendUnavailableException if none works; names every cause
   * @throws IllegalArgumentException if a setting of a device is not valid
   */
  public static Choice choose(BackendSettings settings) {
    Required.present("settings", settings);
    Optional<String> named = namedForAuto();
    if (named.isPresent()) {
      return new Choice(named.get(), List.of());
    }
    List<Status> passedOver = new ArrayList<>();
    for (BackendProvider provider : providers()) {
      Availability availability = provider.probe(settings);
      if (availability.usable()) {
        return new Choice(provider.name(), passedOver);
      }
      refuseBadSetting(availability);
      passedOver.add(new Status(provider.name(), availability));
    }
    throw new BackendUnavailableException("no backend is usable: " + explain(passedOver));
  }

  /**
   * Opens the device that {@code SEQUOR_DEVICE} names, or else the best of this machine. Logs, once
   * per call, what was chosen: as a warning, with cause and cure, if a better one should have
   * worked here.
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
    Choice choice = choose(settings);
    Backend backend = open(choice, settings);
    List<Status> absent = new ArrayList<>(choice.passedOver());
    absent.removeAll(choice.broken());
    if (!choice.broken().isEmpty()) {
      LOG.warn("using {}, and not {}", backend.name(), explain(choice.broken()));
    }
    if (!absent.isEmpty()) {
      LOG.info("using {}; skipped {}", backend.name(), explain(absent));
    } else if (choice.broken().isEmpty()) {
      LOG.info("using {}", backend.name());
    }
    return backend;
  }

  /**
   * Opens what was chosen.
   *
   * @throws BackendUnavailableException as {@link #open(String)}
   * @throws IllegalArgumentException as {@link #open(String)}
   */
  public static Backend open(Choice choice, BackendSettings settings) {
    if (!namedForAuto().equals(Optional.of(choice.device()))) {
      return openNamed(choice.device(), settings);
    }
    try {
      return openNamed(choice.device(), settings);
    } catch (BackendUnavailableException e) {
      throw new BackendUnavailableException(
          HostSettings.source(SETTING) + ": " + e.getMessage(), e);
    }
  }

  /**
   * Opens exactly the device asked for, never another.
   *
   * @param device {@code auto}, which is {@link #auto()}, or {@code cpu}, {@code java}, {@code
   *     cuda} or {@code cuda:N}
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
    return device.equals(AUTO) ? auto(settings) : openNamed(device, settings);
  }

  private static Backend openNamed(String device, BackendSettings settings) {
    if (DeviceGroup.isList(device)) {
      throw new IllegalArgumentException(
          "'"
              + device
              + "' is a list of devices; needed one device here, or DeviceGroup.open for a list");
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
        String message =
            "device '" + device + "' is not usable: " + new Status(name, availability).inWords();
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

  private static String explain(List<Status> statuses) {
    return statuses.stream().map(Status::inWords).collect(Collectors.joining("; "));
  }
}
