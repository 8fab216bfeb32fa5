package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.rnn.TensorRegion;
import java.util.List;
import org.junit.jupiter.api.Test;

class NetworkLayoutTest {
  private static List<String> names(List<TensorRegion> regions) {
    return regions.stream().map(TensorRegion::name).toList();
  }

  /** Whose a tensor is cannot be told from its name: those of nodes may have dots, too. */
  @Test
  void tensorsBelongToTheNodeThatHasThemFirst() {
    Network network =
        Network.builder()
            .vectors("x", 2)
            .add("a", new Linear(2, 2), "x")
            .add("a.b", new Linear(2, 2), "a")
            .add("again", new Linear(2, 2), "a.b")
            .sharing("weights", "a.weights")
            .output("again")
            .build();
    NetworkLayout layout = network.layout();
    assertEquals(List.of("a.weights", "a.bias"), names(layout.regions("a")));
    assertEquals(List.of("a.b.weights", "a.b.bias"), names(layout.regions("a.b")));
    assertEquals(List.of("again.bias"), names(layout.regions("again")));
    assertEquals(List.of(), layout.regions("nothing"));
    assertEquals(5, layout.regions().size());
  }
}
