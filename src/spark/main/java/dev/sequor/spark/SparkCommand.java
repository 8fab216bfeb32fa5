package dev.sequor.spark;

import dev.sequor.cli.Main;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.apache.spark.SparkConf;

/**
 * What {@code spark-submit} runs: the program {@code sequor} with {@code --spark} and the master
 * that Spark was started with, unless the arguments have a {@code --spark} of their own.
 */
public final class SparkCommand {
  private static final Set<String> ON_A_CLUSTER = Set.of("train", "score");

  private SparkCommand() {}

  /** Runs a command; ends the process if it failed, with its exit code. */
  public static void main(String... arguments) {
    int code = Main.exitCodeOf(onCluster(arguments, new SparkConf().get("spark.master", "")));
    if (code != 0) {
      System.exit(code);
    }
  }

  /** The arguments with a master. */
  static String[] onCluster(String[] arguments, String master) {
    List<String> all = new ArrayList<>(Arrays.asList(arguments));
    boolean wants = !all.isEmpty() && ON_A_CLUSTER.contains(all.get(0)) && !master.isEmpty();
    if (wants && all.stream().noneMatch(each -> each.matches("(?s)--spark(=.*)?"))) {
      all.addAll(1, List.of("--spark", master));
    }
    return all.toArray(String[]::new);
  }
}
