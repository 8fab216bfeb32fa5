/** Tests of {@code dev.sequor.backend.cuda}. */
@NullMarked
package dev.sequor.backend.cuda;

import org.jspecify.annotations.NullMarked;
