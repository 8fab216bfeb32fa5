package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.natives.PrivateFolder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is named as the cure is one for the cause that was met. */
class CudaCuresTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "libcuda.so.1: cannot open shared object file: No such file or directory |"
            + " install NVIDIA's driver; in a container, pass the GPU through",
        "libnvidia-ptxjitcompiler.so.1: cannot open shared object file: No such file or directory |"
            + " NVIDIA_DRIVER_CAPABILITIES",
        "/usr/lib/libcuda.so.1: file too short | install NVIDIA's driver anew",
        "/lib/libc.so.6: version `GLIBC_2.99' not found (required by /usr/lib/libcuda.so.1) |"
            + " use a newer Linux, or a release of NVIDIA's driver for this one",
        "/usr/lib/libcuda.so.1: failed to map segment from shared object |"
            + " have NVIDIA's driver in a folder that is not mounted noexec",
      })
  void theDriversFailuresNameTheirCure(String words, String cure) {
    String named = CudaLibraries.driverCure(words);
    assertTrue(named.contains(cure), named);
  }

  @Test
  void whatADeviceThrowsNamesItsCure() {
    assertTrue(
        CudaBackendProvider.cure(new BackendException("cuda:0: no memory for weights: needed 4"))
            .startsWith("free memory"));
    assertTrue(
        CudaBackendProvider.cure(new BackendException("opening: CUDA_ERROR_OUT_OF_MEMORY"))
            .startsWith("free memory"));
    assertTrue(
        CudaBackendProvider.cure(
                new BackendException("no memory for staging: needed 4 page-locked bytes"))
            .startsWith("let this process lock more memory"));
    assertEquals(
        "correct that setting", CudaBackendProvider.cure(new IllegalArgumentException("bad")));
    assertTrue(
        CudaBackendProvider.cure(new BackendException("CUDA_ERROR_ILLEGAL_ADDRESS"))
            .startsWith("report"));
  }

  /** A new version of a dependency comes with new hashes. */
  @Test
  void theHashesAreThoseOfTheJarsOfThisBuild() {
    CudaLibraries.libraries()
        .forEach(
            library -> {
              try (PrivateFolder folder = PrivateFolder.create()) {
                Path file = library.unpackInto(folder);
                assertTrue(Files.exists(file), library::toString);
              }
            });
  }
}
