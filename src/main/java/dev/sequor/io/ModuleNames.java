package dev.sequor.io;

import dev.sequor.module.Module;
import java.util.Map;

/**
 * What modules that are not the library's own are called in checkpoints. A service: an
 * implementation is found if it is named in {@code META-INF/services/dev.sequor.io.ModuleNames}.
 */
public interface ModuleNames {
  /** Records, whose components are numbers, enums, texts, lists and records, by their names. */
  Map<String, Class<? extends Module>> modules();
}
