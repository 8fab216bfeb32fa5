package dev.sequor.cli;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.Sha256;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.StateDict;
import dev.sequor.exchange.TorchLayers;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkLayout;
import dev.sequor.picture.ArchitecturePicture;
import dev.sequor.picture.CellPicture;
import dev.sequor.picture.NetworkPicture;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Says what a model or a file of weights holds. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Says what a model or a file of weights holds.",
    description =
        "Lists the layers of a model (of this library, or of ONNX with its inputs and outputs), or the tensors and recurrent layers in a state dict of PyTorch"
            + " (safetensors, or a .pt, of which nothing is executed), with sizes, number of"
            + " parameters and SHA-256. Or draws a cell (--cell) or how layers are put together"
            + " (--architecture).")
final class InspectCommand implements Callable<Integer> {
  static final class Architectures extends Choice<ArchitecturePicture.Kind> {
    Architectures() {
      super(List.of(ArchitecturePicture.Kind.values()), ArchitecturePicture.Kind::id);
    }
  }

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = "The directory of a trained model, a model in a file, or a state dict.")
  private @Nullable Path path;

  @Option(
      names = "--cell",
      paramLabel = "CELL",
      converter = ModelFlags.Cells.class,
      completionCandidates = ModelFlags.Cells.class,
      description =
          "Instead of MODEL: one time step of a cell, for --picture. One of"
              + " ${COMPLETION-CANDIDATES}.")
  private @Nullable CellType cell;

  @Option(
      names = "--architecture",
      paramLabel = "NAME",
      converter = Architectures.class,
      completionCandidates = Architectures.class,
      description =
          "Instead of MODEL: how layers are put together, for --picture. One of"
              + " ${COMPLETION-CANDIDATES}.")
  private ArchitecturePicture.@Nullable Kind architecture;

  @Option(
      names = "--picture",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "Also draw it, into a file whose name ends in .svg or .png: of a model its inputs, layers"
              + " and outputs from top to bottom. What is there and is no picture is kept.")
  private @Nullable Path picture;

  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    int given = (path == null ? 0 : 1) + (cell == null ? 0 : 1) + (architecture == null ? 0 : 1);
    if (given != 1) {
      throw new IllegalArgumentException(
          given + " of MODEL, --cell and --architecture are given; needed one of them");
    }
    return path == null ? draw() : inspect(path);
  }

  /** Draws what is no model. */
  private int draw() throws IOException {
    String name = cell == null ? "--architecture" : "--cell";
    if (picture == null) {
      throw new IllegalArgumentException(name + " is given; needed --picture FILE to draw it into");
    }
    PictureFile file = PictureFile.of("--picture", picture);
    Map<String, Object> result = new LinkedHashMap<>();
    if (cell != null) {
      file.write(CellPicture.of(cell));
      result.put("cell", cell.id());
      result.put("gates", cell.gateNames());
      result.put("states", cell.states());
    } else {
      ArchitecturePicture.Kind kind = Objects.requireNonNull(architecture);
      file.write(ArchitecturePicture.of(kind));
      result.put("architecture", kind.id());
    }
    result.put("picture", picture.toString());
    if (!console.isJson()) {
      console.words().println("drawn in " + picture);
    }
    console.result(result);
    return 0;
  }

  private int inspect(Path of) throws IOException {
    ModelFiles.Kind kind = ModelFiles.kind(of);
    PictureFile drawn = picture == null ? null : PictureFile.of("--picture", picture);
    if (drawn != null && kind == ModelFiles.Kind.STATE_DICT) {
      throw new IllegalArgumentException(
          of + " is a state dict, which has no graph to draw; needed a model for --picture");
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("kind", kind.toString());
    Network network = null;
    switch (kind) {
      case SEQUOR -> {
        if (Files.isRegularFile(of) && ExchangedModel.isIn(of)) {
          ExchangedModel model = ExchangedModel.load(of);
          network = model.network();
          exchanged(model, result);
        } else {
          network = TrainedModel.load(of).model().network();
          result.put("outputs", network.outputs());
          layers(network, result);
        }
      }
      case STATE_DICT -> {
        try (StateDict dict = StateDict.open(of)) {
          stateDict(dict, result);
        }
      }
      default -> {
        ExchangedModel model = ModelFiles.read(of);
        network = model.network();
        exchanged(model, result);
      }
    }
    result.put("sha256", Sha256.of(Files.isDirectory(of) ? Checkpoint.weightsFile(of) : of));
    if (drawn != null && network != null) {
      drawn.write(NetworkPicture.of(network, title(of)));
      result.put("picture", String.valueOf(picture));
    }
    if (!console.isJson()) {
      print(result, (Long) result.getOrDefault("parameters", 0L));
    }
    console.result(result);
    return 0;
  }

  private static String title(Path model) {
    Path name = model.toAbsolutePath().normalize().getFileName();
    return name == null ? "network" : name.toString();
  }

  private static void exchanged(ExchangedModel model, Map<String, Object> result) {
    List<Map<String, Object>> inputs = new ArrayList<>();
    for (ExchangedModel.Input input : model.inputs()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("name", input.name());
      one.put("type", input.type().name());
      one.put("shape", input.layout().toString());
      if (input.areLengths()) {
        one.put("lengths_of", input.value());
      }
      inputs.add(one);
    }
    List<Map<String, Object>> outputs = new ArrayList<>();
    for (ExchangedModel.Output output : model.outputs()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("name", output.name());
      one.put("type", output.likeliest() ? "I64" : "F32");
      one.put("shape", output.layout().toString());
      outputs.add(one);
    }
    result.put("inputs", inputs);
    layers(model.network(), result);
    result.put("outputs", outputs);
  }

  private static void layers(Network network, Map<String, Object> result) {
    NetworkLayout layout = network.layout();
    List<Map<String, Object>> layers = new ArrayList<>();
    for (Network.Node node : network.nodes()) {
      long parameters =
          layout.regions(node.name()).stream().mapToLong(TensorRegion::elements).sum();
      Map<String, Object> layer = new LinkedHashMap<>();
      layer.put("name", node.name());
      layer.put("layer", node.module().toString());
      layer.put("inputs", node.inputs());
      layer.put("parameters", parameters);
      layers.add(layer);
    }
    result.put("layers", layers);
    result.put("parameters", layout.trainableElements());
  }

  private static void stateDict(StateDict dict, Map<String, Object> result) throws IOException {
    List<Map<String, Object>> tensors = new ArrayList<>();
    long all = 0;
    for (String name : dict.names()) {
      List<Long> shape = dict.shape(name);
      Map<String, Object> tensor = new LinkedHashMap<>();
      tensor.put("name", name);
      tensor.put("type", dict.type(name).name());
      tensor.put("shape", shape);
      tensors.add(tensor);
      all += shape.stream().reduce(1L, (a, b) -> a * b);
    }
    List<Map<String, Object>> layers = new ArrayList<>();
    for (TorchLayers.Found found : TorchLayers.find(dict)) {
      Map<String, Object> layer = new LinkedHashMap<>();
      layer.put("prefix", found.prefix());
      layer.put("layer", inWords(found.stack()));
      layers.add(layer);
    }
    result.put("tensors", tensors);
    result.put("layers", layers);
    result.put("parameters", all);
  }

  private static String inWords(RnnSpec stack) {
    return String.format(
        Locale.ROOT,
        "%s, %d inputs, %d units, %d layer%s, %s%s",
        stack.cell().id(),
        stack.inputSize(),
        stack.hiddenSize(),
        stack.layers(),
        stack.layers() == 1 ? "" : "s",
        stack.direction().name().toLowerCase(Locale.ROOT),
        stack.options().projectionSize() > 0
            ? ", projected to " + stack.options().projectionSize()
            : "");
  }

  private void print(Map<String, Object> result, long parameters) {
    PrintWriter words = console.words();
    for (String list : List.of("tensors", "inputs", "layers", "outputs")) {
      if (result.get(list) instanceof List<?> lines) {
        for (Object line : lines) {
          if (line instanceof Map<?, ?> fields) {
            String what = list.endsWith("puts") ? list.substring(0, list.length() - 1) + "  " : "";
            words.println(what + inOneLine(fields));
          }
        }
      }
    }
    words.println(
        String.format(Locale.ROOT, "%s of %,d parameters", result.get("kind"), parameters));
    words.println("SHA-256 of the weights' file " + result.get("sha256"));
    if (result.containsKey("picture")) {
      words.println("drawn in " + result.get("picture"));
    }
  }

  private static String inOneLine(Map<?, ?> fields) {
    return fields.values().stream().map(String::valueOf).collect(Collectors.joining("  "));
  }
}
