/** Files: tensors in the safetensors format, and checkpoints that survive being killed. */
@NullMarked
package dev.sequor.io;

import org.jspecify.annotations.NullMarked;
