package dev.sequor.task;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.Sha256;
import dev.sequor.backend.Sizes;
import dev.sequor.data.Corpus;
import dev.sequor.data.Window;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.Evaluator;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Translator;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * The name of a character of a script: one token in, a name of Unicode out, character by character.
 * The decoder starts from the state of an encoder that has read the script and nothing else. Each
 * script is as frequent as the others, and each of its names.
 *
 * <p>One example in five is given "any" in place of the script, so that the same weights also say
 * what a name costs without it. Judged by the bits per character of names held out, the names' ends
 * counted, by what the script saves of them, and by how many of the names that are drawn begin with
 * the name of the script, as all names to learn from do.
 *
 * @param length characters of a name at most
 */
record ScriptNames(int length) implements DrawnTask<ScriptNames.Name> {
  private static final List<String> SCRIPTS =
      List.of(
          "ARABIC",
          "ARMENIAN",
          "CHEROKEE",
          "CUNEIFORM",
          "CYRILLIC",
          "DEVANAGARI",
          "ETHIOPIC",
          "GEORGIAN",
          "GREEK",
          "HEBREW",
          "KATAKANA",
          "KHMER",
          "LATIN",
          "MONGOLIAN",
          "TIBETAN",
          "YI");

  /** The source that says nothing. */
  private static final int ANY = SCRIPTS.size();

  private static final double TOLD = 0.8;

  private static final String CHARACTERS = " -0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  private static final int BEGIN = CHARACTERS.length();
  private static final int END = BEGIN + 1;
  private static final int WIDTH = 32;

  private static final int LEAST_LENGTH = 20;
  private static final int MOST_LENGTH = 100;

  /** The names of each script, by the most characters of them. */
  private static final Map<Integer, List<List<String>>> KNOWN = new ConcurrentHashMap<>();

  /**
   * A name.
   *
   * @param script its number
   * @param told whether the model is
   */
  record Name(int script, boolean told, String name) {
    Name with(boolean told) {
      return new Name(script, told, name);
    }

    int[] source() {
      return new int[] {told ? script : ANY};
    }

    int[] target() {
      return name.chars().map(CHARACTERS::indexOf).toArray();
    }
  }

  ScriptNames {
    DrawnTask.requireLength("names", length, LEAST_LENGTH, MOST_LENGTH);
  }

  @Override
  public String name() {
    return "names";
  }

  @Override
  public String description() {
    return "a character's name of up to " + length + " letters, from its script";
  }

  @Override
  public Architecture architecture() {
    return Architecture.ONE_TO_MANY;
  }

  @Override
  public Task withLength(int length) {
    return new ScriptNames(length);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.GRU_RESET_BEFORE, 128, 64, 900, 5e-3f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return spec(settings);
  }

  private EncoderDecoderSpec spec(TaskSettings settings) {
    RnnSpec stack =
        RnnSpec.of(settings.neededCell(name()), WIDTH, settings.hiddenSize())
            .withLayers(settings.layers())
            .withOptions(settings.options());
    return EncoderDecoderSpec.of(SCRIPTS.size() + 1, END + 1, BEGIN, END, stack, stack);
  }

  /** By script. */
  List<List<String>> names() {
    return KNOWN.computeIfAbsent(length, ScriptNames::namesOf);
  }

  private static List<List<String>> namesOf(int length) {
    List<List<String>> names = new ArrayList<>();
    SCRIPTS.forEach(script -> names.add(new ArrayList<>()));
    for (String name : Corpus.unicodeNames()) {
      int script = SCRIPTS.indexOf(name.substring(0, Math.max(0, name.indexOf(' '))));
      if (script >= 0 && name.length() <= length) {
        names.get(script).add(name);
      }
    }
    return names;
  }

  @Override
  public Name draw(ExampleDraws draws) {
    int script = draws.below(SCRIPTS.size());
    List<String> own = names().get(script);
    return new Name(script, draws.chance(TOLD), own.get(draws.below(own.size())));
  }

  /** The name alone: with or without its script it is in one part only. */
  @Override
  public IntStream question(Name name) {
    return name.name().chars();
  }

  @Override
  public Window window(List<Name> names) {
    return spec(defaults())
        .window(
            names.stream().map(Name::source).toList(),
            names.stream().map(Name::target).toList(),
            1,
            length + 1);
  }

  private double bits(SequenceModel model, List<Name> names, boolean told) {
    List<Name> as = names.stream().map(name -> name.with(told)).toList();
    return Evaluator.evaluate(model, windows(as)).meanBits();
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    List<Name> names = heldOut(examples, seed);
    double told = bits(model, names, true);
    List<Boolean> right = new ArrayList<>();
    List<Name> drawn = generated(model, examples, seed);
    drawn.forEach(name -> right.add(belongs(name)));
    return Score.of(
        Figure.atMost(1.3, "bitsPerCharacter", told),
        Figure.atLeast(0.1, "bitsSavedByScript", bits(model, names, false) - told),
        Figure.atLeast(0.95, "ofTheScript", Guesses.share(right)));
  }

  /** Draws names, of one script after the other. */
  private static List<Name> generated(SequenceModel model, int count, long seed) {
    Sizes.atLeastOne("examples", count);
    List<int[]> sources = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sources.add(new int[] {i % SCRIPTS.size()});
    }
    List<Name> names = new ArrayList<>();
    try (Translator translator = new Translator(model, JUDGED_AT_ONCE)) {
      Sampling sampling = Sampling.ofTemperature(1f, seed);
      for (int[] drawn : translator.sample(sources, MOST_LENGTH, sampling)) {
        StringBuilder name = new StringBuilder();
        for (int token : drawn) {
          name.append(token < BEGIN ? CHARACTERS.charAt(token) : '^');
        }
        names.add(new Name(names.size() % SCRIPTS.size(), true, name.toString()));
      }
    }
    return names;
  }

  private static boolean belongs(Name name) {
    return name.name().startsWith(SCRIPTS.get(name.script()) + " ");
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    Set<String> existing = new HashSet<>(Corpus.unicodeNames());
    return generated(model, count, seed).stream()
        .map(
            name ->
                SCRIPTS.get(name.script())
                    + " → "
                    + name.name()
                    + (existing.contains(name.name()) ? ", which exists" : "")
                    + Guesses.verdict(belongs(name)))
        .toList();
  }

  @Override
  public String fingerprint() {
    MessageDigest digest = Sha256.digest();
    for (List<String> script : names()) {
      script.forEach(name -> digest.update((name + '\n').getBytes(StandardCharsets.UTF_8)));
    }
    return Sha256.hex(digest);
  }
}
