package dev.sequor.diagnose;

import dev.sequor.backend.Required;

/**
 * Which recurrent layer of a network, in which direction.
 *
 * @param node the stack that it belongs to
 * @param layer its number in the stack, from 0
 * @param backward whether it reads from the end
 */
public record LayerName(String node, int layer, boolean backward) {
  /** Checks that all is there. */
  public LayerName {
    Required.present("node", node);
  }

  /** In words, counted from 1. */
  public String words() {
    return node + ", layer " + (layer + 1) + (backward ? ", backward" : "");
  }
}
