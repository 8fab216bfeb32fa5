package dev.sequor.backend.natives;

import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an error of the loader means for whoever wants to have the library: the words that glibc,
 * musl and the JVM use, and for each the cure that helps against it and nothing else.
 */
public final class LoadFailure {
  /**
   * Where a library comes from, and so what can be done about it.
   *
   * @param forOlder what to do if the system is too old for it
   * @param anew how to get another copy
   * @param elsewhere how to get it into another folder
   */
  public record Origin(String forOlder, String anew, String elsewhere) {
    /** Sequor's own, run from the folder that it was built in. */
    static final Origin BUILT =
        new Origin(
            "build Sequor on this machine, or on one as old",
            "build Sequor anew, with g++ on the PATH (mvn clean verify)",
            Places.CURE);

    /** Sequor's own, out of a jar: whoever has that need not have a compiler. */
    static final Origin PACKED =
        new Origin(
            "use a newer Linux",
            "have a jar of Sequor on the class path that holds its native library, unchanged",
            Places.CURE);

    /** Unpacked from a jar of another project. */
    static Origin unpacked(String jar) {
      return new Origin(
          "use a newer Linux",
          "have " + jar + " on the class path, and no other version of it",
          Places.CURE);
    }

    /** Part of the system. */
    public static Origin installed(String name) {
      return new Origin(
          "use a newer Linux, or a release of " + name + " for this one",
          "install " + name + " anew",
          "have " + name + " in a folder that is not mounted noexec");
    }
  }

  /** Words of the loader, and a cure, in which $1 is what their first group holds. */
  private record Meaning(Pattern words, Function<Origin, String> cure) {
    static Meaning of(String words, Function<Origin, String> cure) {
      return new Meaning(Pattern.compile(words), cure);
    }
  }

  /** The first that fits counts. */
  private static final List<Meaning> MEANINGS =
      List.of(
          Meaning.of(
              "Illegal native access from.*? module ([\\w.]+)",
              origin -> "start Java with --enable-native-access=$1"),
          Meaning.of(
              "Illegal native access",
              origin -> "start Java with --enable-native-access=ALL-UNNAMED"),
          Meaning.of(
              "(?i)can't load .* on a .* platform|wrong ELF class",
              origin -> "use a 64-bit Java for x86-64"),
          Meaning.of(
              "ld-linux-x86-64\\.so|Error relocating|Error loading shared library",
              origin -> "use a Linux with glibc; this one has another C library (Alpine has musl)"),
          Meaning.of(
              "version `(GLIBC_[\\d.]+)' not found",
              origin -> origin.forOlder + "; what is there needs $1"),
          Meaning.of(
              "version `((?:GLIBCXX|CXXABI)_[\\d.]+)' not found",
              origin -> origin.forOlder + ", or install a libstdc++ that has $1"),
          Meaning.of(
              "lib(?:stdc\\+\\+|gcc_s)\\.so\\.\\d+: cannot open shared object file: No such",
              origin -> "install the C++ library (libstdc++6 on Debian, libstdc++ on Fedora)"),
          Meaning.of(
              "(lib[\\w+.-]+): cannot open shared object file: No such",
              origin -> "install $1, or add its folder to LD_LIBRARY_PATH"),
          Meaning.of(
              "(?i)cannot allocate memory|static TLS block",
              origin -> "give the process more memory (see ulimit -v and the container's limits)"),
          Meaning.of(
              "(?i)failed to map segment|memory protection|executable stack|not permitted"
                  + "|permission denied",
              origin ->
                  "allow this process to run code from there (noexec or a security policy forbids"
                      + " it), or "
                      + origin.elsewhere),
          Meaning.of(
              "undefined symbol|invalid ELF header|file too short|file data appears|has no \\w+",
              origin -> origin.anew),
          Meaning.of(
              "^(?:java\\.lang\\.(?:NoClassDefFoundError|ClassNotFoundException): )?(\\w+(?:[./]\\w+)+)$",
              origin -> "have the jar with $1 on the class path"));

  private static final Pattern LINK_ERROR =
      Pattern.compile(UnsatisfiedLinkError.class.getSimpleName() + ": ");

  private LoadFailure() {}

  /**
   * A library that did not load, explained.
   *
   * @param library what it is, in words
   * @param origin where it comes from
   * @param e what was thrown; the first of its causes is the one that counts
   */
  public static LibraryUnavailableException explain(String library, Origin origin, Throwable e) {
    Throwable first = e;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    String words = words(first);
    return new LibraryUnavailableException(
        library + " does not load: " + words, cure(words, origin), e);
  }

  /** The cure for what the loader says in {@code words} of a library. */
  public static String cure(String words, Origin origin) {
    for (Meaning meaning : MEANINGS) {
      Matcher matcher = meaning.words.matcher(words);
      if (matcher.find()) {
        String cure = meaning.cure.apply(origin);
        return matcher.groupCount() == 0
            ? cure
            : cure.replace("$1", String.valueOf(matcher.group(1)));
      }
    }
    return "report these words of the loader";
  }

  /**
   * What an error says in one line. JCuda wraps the loader's words into stack traces, of which the
   * last named error is the one that counts.
   */
  public static String words(Throwable e) {
    String message = String.valueOf(e.getMessage() == null ? e : e.getMessage());
    Matcher marker = LINK_ERROR.matcher(message);
    int from = 0;
    while (marker.find()) {
      from = marker.end();
    }
    return message.substring(from).lines().findFirst().orElse("").strip();
  }
}
