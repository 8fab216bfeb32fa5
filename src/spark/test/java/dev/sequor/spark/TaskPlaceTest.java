package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A task takes the GPU that Spark has given it and no other. */
class TaskPlaceTest {
  private static Map<String, ResourceInformation> gpus(String... addresses) {
    return Map.of("gpu", new ResourceInformation("gpu", addresses));
  }

  @Test
  void theGpuThatSparkGives() {
    assertEquals("cuda:3", TaskPlace.device("auto", gpus("3")));
    assertEquals("cuda:1", TaskPlace.device("cuda", gpus("1")));
    assertEquals("cpu", TaskPlace.device("cpu", gpus("1")));
    assertEquals("cuda:0", TaskPlace.device("cuda:0", gpus("1")));
  }

  @Test
  void noGpuUnlessSparkGivesOne() {
    assertEquals(TaskPlace.host(), TaskPlace.device("auto", Map.of()));
    assertEquals("cuda", TaskPlace.device("cuda", Map.of()));
    assertEquals("java", TaskPlace.device("java", Map.of()));
  }

  @Test
  void severalGpusOrNamesAreRefused() {
    for (String[] addresses : new String[][] {{"0", "1"}, {}, {"GPU-8f3c"}}) {
      String message =
          assertThrows(
                  IllegalArgumentException.class, () -> TaskPlace.device("auto", gpus(addresses)))
              .getMessage();
      assertEquals(
          "Spark has given the task the GPUs "
              + java.util.Arrays.toString(addresses)
              + "; needed one, by its number, from spark.task.resource.gpu.amount=1",
          message);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "local;1",
        "local[3];3",
        "local[4,2];4",
        "local[*];0",
        "local-cluster[2,3,1024];3",
        "spark://host:7077;0",
        "yarn;0"
      })
  void coresOfAnExecutorByTheMaster(String master, int cores) {
    assertEquals(cores, TaskPlace.ofMaster(master));
  }
}
