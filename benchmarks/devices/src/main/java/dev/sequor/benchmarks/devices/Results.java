package dev.sequor.benchmarks.devices;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.sequor.benchmarks.Machine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A whole run.
 *
 * @param simulator what to know about its figures if a device is simulated; else null
 * @param commit of the checkout, with "+" if it had changes
 * @param date UTC, when the run began
 * @param jmhVersion of the harness
 * @param jmh how long it measured
 * @param systems each system in its own words
 * @param skipped devices and workloads that were asked for and not measured, and why
 * @param agreement of the devices' results, before anything was timed
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Results(
    String simulator,
    Machine machine,
    String commit,
    String date,
    String jmhVersion,
    JmhTimer.Settings jmh,
    Map<String, String> systems,
    Map<String, String> skipped,
    List<Agreement> agreement,
    List<Row> rows,
    List<Crossover> crossovers) {

  void write(Path file) throws IOException {
    new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(file.toFile(), this);
  }
}
