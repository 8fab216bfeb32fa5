package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.Devices;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which device to use. */
final class DeviceOption {
  static final String AUTO = "auto";
  private static final Pattern FORM = Pattern.compile("auto|cpu|java|cuda(:\\d+)?");

  /** The names of devices, in any case, and {@code cuda:N}. */
  static final class Names extends Choice<String> {
    Names() {
      super(List.of(AUTO, "cpu", "java", "cuda"), name -> name);
    }

    @Override
    public String convert(String given) {
      String name = given.toLowerCase(Locale.ROOT);
      if (DeviceGroup.isList(name)) {
        for (String one : name.split(",", -1)) {
          if (!FORM.matcher(one).matches()) {
            super.convert(one); // which refuses it
          }
        }
        return name;
      }
      return FORM.matcher(name).matches() ? name : super.convert(given);
    }

    @Override
    public String toString() {
      return super.toString() + ", cuda:N";
    }
  }

  @Option(
      names = "--device",
      paramLabel = "auto|cpu|java|cuda:N",
      converter = Names.class,
      completionCandidates = Names.class,
      description =
          "Where to compute (default: auto, which is what SEQUOR_DEVICE names, or else the best that"
              + " works here; see sequor info). To train: also a list, such as cuda:0,cuda:1.")
  private @Nullable String device;

  /** What was asked for, or {@code fallback} if nothing was. */
  String orElse(String fallback) {
    return device == null ? fallback : device;
  }

  /** Opens what was asked for, {@code auto} if nothing was. */
  Backend open(PrintWriter notes) {
    return open(orElse(AUTO), notes);
  }

  /**
   * Opens one device, or those of a list.
   *
   * @throws IllegalArgumentException if the name has another form
   * @throws dev.sequor.backend.BackendUnavailableException if one cannot be used
   */
  static DeviceGroup openGroup(String device, PrintWriter notes) {
    return DeviceGroup.isList(device)
        ? DeviceGroup.open(device)
        : DeviceGroup.of(open(device, notes));
  }

  /**
   * Opens a device. For {@code auto}, notes why a better one does not work that should.
   *
   * @throws IllegalArgumentException if the name has another form
   * @throws dev.sequor.backend.BackendUnavailableException if it cannot be used
   */
  static Backend open(String device, PrintWriter notes) {
    if (DeviceGroup.isList(device)) {
      throw new IllegalArgumentException(
          "--device is '"
              + device
              + "', a list; needed one device here: only train computes on several");
    }
    if (!FORM.matcher(device).matches()) {
      throw new IllegalArgumentException(
          "unknown device '" + device + "'; needed auto, cpu, java, cuda or cuda:N");
    }
    if (!device.equals(AUTO)) {
      return Devices.open(device);
    }
    BackendSettings settings = BackendSettings.defaults();
    Devices.Choice choice = Devices.choose(settings);
    for (Devices.Status status : choice.broken()) {
      notes.println("not using " + status.inWords());
    }
    return Devices.open(choice, settings);
  }
}
