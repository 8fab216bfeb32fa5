package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where cuBLAS is looked for, on machines that are laid out like those that people have. */
class CublasFoldersTest {
  @TempDir Path root;

  private Path folder(String path) throws IOException {
    return Files.createDirectories(root.resolve(path));
  }

  private List<String> usual(Map<String, String> environment) {
    return CublasFolders.usual(environment, root).stream()
        .map(folder -> root.relativize(folder).toString())
        .toList();
  }

  @Test
  void newerToolkitsComeBeforeOlderOnesAndTheChosenOneBeforeAll() throws IOException {
    folder("usr/local/cuda-9.2/lib64");
    folder("usr/local/cuda-12.6/targets/x86_64-linux/lib");
    folder("usr/local/cuda-13.0/lib64");
    folder("usr/local/cuda/lib64");
    folder("mine/lib64");
    List<String> libraries =
        usual(Map.of("CUDA_HOME", root.resolve("mine").toString())).stream()
            .filter(folder -> folder.endsWith("lib64") || folder.endsWith("linux/lib"))
            .toList();
    assertEquals(
        List.of(
            "mine/lib64",
            "usr/local/cuda/lib64",
            "usr/local/cuda-13.0/lib64",
            "usr/local/cuda-12.6/targets/x86_64-linux/lib",
            "usr/local/cuda-9.2/lib64"),
        libraries);
  }

  @Test
  void packagesOfEveryPythonAreFound() throws IOException {
    String cublas13 = "nvidia/cu13/lib";
    String cublas12 = "nvidia/cublas/lib";
    folder("venv/lib/python3.12/site-packages/" + cublas13);
    folder("conda/lib");
    folder("home/.local/lib/python3.11/site-packages/" + cublas12);
    folder("usr/local/lib/python3.13/dist-packages/" + cublas13);
    folder("usr/lib/python3/dist-packages/" + cublas12);
    List<String> found =
        usual(
            Map.of(
                "VIRTUAL_ENV",
                root.resolve("venv").toString(),
                "CONDA_PREFIX",
                root.resolve("conda").toString(),
                "HOME",
                root.resolve("home").toString()));
    assertTrue(
        found.containsAll(
            List.of(
                "venv/lib/python3.12/site-packages/" + cublas13,
                "conda/lib",
                "home/.local/lib/python3.11/site-packages/" + cublas12,
                "usr/local/lib/python3.13/dist-packages/" + cublas13,
                "usr/lib/python3/dist-packages/" + cublas12)),
        found::toString);
  }

  @Test
  void aMachineWithoutAnyHasNone() {
    assertEquals(List.of(), usual(Map.of("CUDA_HOME", " ", "HOME", root.resolve("no").toString())));
  }

  @Test
  void foldersThatAreNamedAreTakenAsTheyAre() {
    List<Path> named = CublasFolders.named("/a:: /b ");
    assertEquals(Path.of("/a"), named.get(0));
    assertTrue(named.contains(Path.of("/b/nvidia/cu13/lib")), named::toString);
    assertEquals(List.of(), CublasFolders.named(null));
  }
}
