package dev.sequor.task;

import dev.sequor.backend.Required;
import java.util.List;
import java.util.stream.Collectors;

/** The tasks that there are, one or more of each {@link Architecture}. */
public final class Tasks {
  private static final List<Task> ALL =
      List.of(
          new Spirals(),
          new ScriptNames(40),
          new Adding(200),
          new Agreement(24),
          new RelativeClause(20),
          new CopyMemory(20),
          new Brackets(24),
          Rewriting.reverse(10),
          Rewriting.sort(10));

  private Tasks() {}

  /** All of them, each of its usual length. */
  public static List<Task> all() {
    return ALL;
  }

  /** What they are called. */
  public static List<String> names() {
    return ALL.stream().map(Task::name).toList();
  }

  /**
   * The task of this name, of its usual length.
   *
   * @throws IllegalArgumentException if there is none; the message lists all
   */
  public static Task named(String name) {
    Required.present("name", name);
    return ALL.stream()
        .filter(task -> task.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "there is no task '"
                        + name
                        + "'; needed one of "
                        + names().stream().collect(Collectors.joining(", "))));
  }
}
