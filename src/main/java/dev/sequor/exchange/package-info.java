/**
 * Models of other libraries, read and written: PyTorch's state dicts, in safetensors and in the
 * files of {@code torch.save}. Nothing in a file is executed, and what is not understood is refused
 * by name.
 */
@NullMarked
package dev.sequor.exchange;

import org.jspecify.annotations.NullMarked;
